//! Answers that are pages: each is made elsewhere, put into its envelope there, and sent from here.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use vagus_runtime::{Cx, Handler, Message};

use super::System;
use super::answer::Body;
use super::filter::Filter;
use super::inquiry::Inquiry;
use super::office::Office;
use super::options::{self, Fields, Shape};
use super::pages::PageError;
use super::requests::{Page, STATZ};
use crate::delivery::encoding::{Encoded, Encoding};

/// An answer, ready to be sent.
pub(super) struct Made {
    inquiry: Inquiry,
    answer: Encoded,
}

impl Message for Made {
    fn weight(&self) -> usize {
        self.answer.payload.len()
    }
}

/// What becomes of a page.
struct Making {
    /// The name of the answer in its envelope.
    name: &'static str,
    /// The part of the page that is the answer, and the account it is about.
    part: Option<(&'static str, String)>,
    /// A page that holds this has nothing to say, and is no answer.
    nothing: Option<&'static str>,
    encoding: Encoding,
}

type Parameters = Vec<(&'static str, String)>;

// === impl System ===

impl System {
    /// A page, about one account where one is named.
    pub(super) fn page(
        &mut self,
        inquiry: Inquiry,
        page: &'static Page,
        account: Option<&str>,
        cx: &mut Cx<'_, Self>,
    ) {
        let Some(fields) = self.options(&inquiry, page.shape, cx) else { return };
        let mut parameters: Parameters =
            page.always.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        // The first of a name counts.
        parameters.extend(page.account.zip(account).map(|(name, acc)| (name, acc.to_owned())));
        parameters.extend(fields.parameters());
        let part = page.part.zip(account).map(|(part, account)| (part, account.to_owned()));
        let encoding = inquiry.encoding();
        let making = Making { name: "data", part, nothing: None, encoding };
        self.make(inquiry, page.name, parameters, making, cx);
    }

    /// The statistics of one account.
    pub(super) fn account_stat(&mut self, inquiry: Inquiry, account: &str, cx: &mut Cx<'_, Self>) {
        let Some(fields) = self.options(&inquiry, STATZ.shape, cx) else { return };
        let unused = fields.flag("include_unused");
        let parameters = vec![("account", account.to_owned()), ("unused", unused.to_string())];
        let nothing = (!unused).then_some("\"account_statz\":[]");
        let making = Making { name: "data", part: None, nothing, encoding: inquiry.encoding() };
        self.make(inquiry, STATZ.name, parameters, making, cx);
    }

    /// The server in figures.
    pub(super) fn statsz(&mut self, inquiry: Inquiry, cx: &mut Cx<'_, Self>) {
        if self.options(&inquiry, &options::STATSZ, cx).is_some() {
            let making =
                Making { name: "statsz", part: None, nothing: None, encoding: Encoding::Plain };
            self.make(inquiry, "STATSZ", Vec::new(), making, cx);
        }
    }

    /// What a request says; `None` when it is answered already, or not for this server.
    pub(super) fn options(
        &self,
        inquiry: &Inquiry,
        shape: &Shape,
        cx: &Cx<'_, Self>,
    ) -> Option<Fields> {
        match options::read(inquiry.body(), shape) {
            Ok(fields) => {
                Some(fields).filter(|all| Filter::of(all).lets_through(&self.office.profile()))
            }
            Err(why) => {
                self.fail(inquiry, 400, &why, cx);
                None
            }
        }
    }

    fn make(
        &self,
        inquiry: Inquiry,
        page: &'static str,
        parameters: Parameters,
        making: Making,
        cx: &Cx<'_, Self>,
    ) {
        let Some(seat) = self.office.seat() else { return };
        let (office, handle) = (Arc::clone(&self.office), cx.handle());
        let done = move |made: Result<Vec<u8>, PageError>| {
            if let Some(answer) = making.finish(&office, made) {
                // A system that is gone answers nobody.
                let _ = handle.send_urgent(Made { inquiry, answer });
            }
            drop(seat);
        };
        self.office.pages.make(page, parameters, Box::new(done));
    }
}

// === impl Making ===

impl Making {
    fn finish(&self, office: &Office, made: Result<Vec<u8>, PageError>) -> Option<Encoded> {
        let payload = match made.and_then(|page| self.choose(office, page)) {
            Ok(page) => office.envelope(&Body::Data(self.name, &page)),
            Err(PageError::Refused(why)) => office.envelope(&Body::NoData { why: &why }),
            Err(PageError::NotOurs) => return None,
        };
        Some(self.encoding.apply(payload))
    }

    /// The part of the page that was asked for.
    fn choose(&self, office: &Office, page: Vec<u8>) -> Result<Vec<u8>, PageError> {
        if let Some(nothing) = self.nothing
            && memchr::memmem::find(&page, nothing.as_bytes()).is_some()
        {
            return Err(PageError::NotOurs);
        }
        let Some((name, account)) = &self.part else { return Ok(page) };
        let missing = || match office.broker.realms.get(account) {
            Some(_) => PageError::Refused(format!("account {account:?} not jetstream enabled")),
            None => PageError::Refused(format!("account {account:?} not found")),
        };
        part(&page, name).ok_or_else(missing)
    }
}

/// A field of a page; of a list its first element.
fn part(page: &[u8], name: &str) -> Option<Vec<u8>> {
    let fields: HashMap<String, &RawValue> = serde_json::from_slice(page).ok()?;
    let text = fields.get(name)?.get();
    let first = serde_json::from_str::<Vec<&RawValue>>(text);
    let chosen = first.map_or(Some(text), |list| list.first().map(|one| one.get()));
    chosen.map(|text| text.as_bytes().to_vec())
}

// === impl Handler<Made> ===

impl Handler<Made> for System {
    fn handle(&mut self, Made { inquiry, answer }: Made, cx: &mut Cx<'_, Self>) {
        let headers = Some(&*answer.headers).filter(|block| !block.is_empty());
        self.answer_with(&inquiry, headers, &answer.payload, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_taken_as_it_stands() {
        let page = br#"{"a":1,"list":[{"x": 1.50},{"y":2}],"one":{"z":"\u003e"},"none":[]}"#;
        let shown = |name| part(page, name).map(|part| String::from_utf8(part).unwrap());
        assert_eq!(shown("list").as_deref(), Some(r#"{"x": 1.50}"#));
        assert_eq!(shown("one").as_deref(), Some(r#"{"z":"\u003e"}"#));
        assert_eq!(shown("none"), None);
        assert_eq!(shown("other"), None);
    }
}
