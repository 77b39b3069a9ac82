//! What can be asked of the system: subjects, and what each of them means.

use super::options::{self, Shape};

/// A request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    /// Who the server is.
    Name,
    Statsz,
    Page(&'static Page),
    /// A page about one account.
    AccountPage(&'static Page, &'a str),
    /// The statistics of all accounts, or of some.
    AccountStatz,
    /// The same of one account.
    AccountStat(&'a str),
    /// How many connections an account has.
    AccountConns(&'a str),
    /// How many subscriptions of an account have this subject.
    AccountSubs,
    /// How many subscriptions would get a message.
    Subscribers,
    /// Ends a connection.
    Kick,
    /// Tells one client to look for another server.
    LameDuck,
    /// Reads the configuration again.
    Reload,
    /// Profiles of the process, which this server does not make.
    Profile,
    /// Who asks, and what it may do.
    User,
}

/// A page of monitoring that can be asked for.
#[derive(Debug)]
pub(super) struct Page {
    pub name: &'static str,
    pub shape: &'static Shape,
    /// The parameter that names an account, for pages that can be about one.
    pub account: Option<&'static str>,
    /// The part of the page that is the answer; all of it otherwise.
    pub part: Option<&'static str>,
    /// Parameters that are given in any case.
    pub always: &'static [(&'static str, &'static str)],
}

const fn page(name: &'static str, shape: &'static Shape) -> Page {
    Page { name, shape, account: None, part: None, always: &[] }
}

/// Pages of the server.
static PAGES: [Page; 14] = [
    page("VARZ", &options::VARZ),
    page("SUBSZ", &options::SUBSZ),
    page("CONNZ", &options::CONNZ),
    page("ROUTEZ", &options::ROUTEZ),
    page("GATEWAYZ", &options::GATEWAYZ),
    page("LEAFZ", &options::LEAFZ),
    page("ACCOUNTZ", &options::ACCOUNTZ),
    page("JSZ", &options::JSZ),
    page("HEALTHZ", &options::HEALTHZ),
    page("EXPVARZ", &options::EXPVARZ),
    page("IPQUEUESZ", &options::IPQUEUESZ),
    page("RAFTZ", &options::RAFTZ),
    page("EXPLAIN", &options::EXPLAIN),
    page("CLUSTERZ", &options::CLUSTERZ),
];

/// Pages of one account, by the name that they have there.
static ACCOUNT_PAGES: [(&str, Page); 6] = [
    (
        "SUBSZ",
        Page { account: Some("acc"), always: &[("subs", "1")], ..page("SUBSZ", &options::SUBSZ) },
    ),
    ("CONNZ", Page { account: Some("acc"), ..page("CONNZ", &options::CONNZ) }),
    ("LEAFZ", Page { account: Some("acc"), ..page("LEAFZ", &options::LEAFZ) }),
    (
        "JSZ",
        Page { account: Some("acc"), part: Some("account_details"), ..page("JSZ", &options::JSZ) },
    ),
    (
        "INFO",
        Page {
            account: Some("acc"),
            part: Some("account_detail"),
            ..page("ACCOUNTZ", &options::ACCOUNTZ)
        },
    ),
    ("EXPLAIN", Page { account: Some("account"), ..page("EXPLAIN", &options::EXPLAIN) }),
];

/// Of all accounts, or of those that the request names.
pub(super) static STATZ: Page = page("ACCSTATZ", &options::ACCOUNT_STATZ);

/// What only one server can be asked for: nobody wants it of all at once.
const ORDERS: [(&str, Ask<'static>); 3] =
    [("KICK", Ask::Kick), ("LDM", Ask::LameDuck), ("RELOAD", Ask::Reload)];
const OTHERS: [(&str, Ask<'static>); 3] =
    [("IDZ", Ask::Name), ("STATSZ", Ask::Statsz), ("PROFILEZ", Ask::Profile)];

const SERVER: &str = "$SYS.REQ.SERVER.";
const ACCOUNT: &str = "$SYS.REQ.ACCOUNT.";
const USER: &str = "$SYS.REQ.USER.";
const SUBSCRIBERS: &str = "$SYS.DEBUG.SUBSCRIBERS";
const ALL: &str = "PING";

/// Every subject that the server with this id hears in the system's account.
pub(super) fn subjects(id: &str) -> Vec<String> {
    let names = PAGES.iter().map(|page| page.name).chain(OTHERS.iter().map(|(name, _)| *name));
    let mut subjects = vec![format!("{SERVER}{ALL}"), SUBSCRIBERS.to_owned()];
    subjects.extend(
        names.flat_map(|name| [format!("{SERVER}{id}.{name}"), format!("{SERVER}{ALL}.{name}")]),
    );
    subjects.extend(ORDERS.iter().map(|(name, _)| format!("{SERVER}{id}.{name}")));
    let of_account = ACCOUNT_PAGES.iter().map(|(name, _)| *name).chain(["STATZ", "CONNS"]);
    subjects.extend(of_account.map(|name| format!("{ACCOUNT}*.{name}")));
    subjects.push(format!("{ACCOUNT}NSUBS"));
    subjects.push(format!("{USER}*.INFO"));
    // From within the account itself.
    subjects.push(format!("{USER}INFO"));
    subjects
}

/// Every subject that it hears in all other accounts: about whoever asks, or its account.
pub(super) const OWN_SUBJECTS: [&str; 5] = [
    "$SYS.REQ.USER.INFO",
    "$SYS.REQ.ACCOUNT.PING.CONNZ",
    "$SYS.REQ.SERVER.PING.CONNZ",
    "$SYS.REQ.ACCOUNT.PING.STATZ",
    "$SYS.REQ.ACCOUNT.PING.EXPLAIN",
];

/// What a client of the account `own`, another than the system's, asks by one of those.
pub(super) fn read_own<'a>(subject: &str, own: &'a str) -> Option<Ask<'a>> {
    match subject {
        "$SYS.REQ.USER.INFO" => Some(Ask::User),
        "$SYS.REQ.ACCOUNT.PING.CONNZ" | "$SYS.REQ.SERVER.PING.CONNZ" => of_account("CONNZ", own),
        "$SYS.REQ.ACCOUNT.PING.STATZ" => Some(Ask::AccountStat(own)),
        "$SYS.REQ.ACCOUNT.PING.EXPLAIN" => of_account("EXPLAIN", own),
        _ => None,
    }
}

/// What a subject of [`subjects`] asks.
pub(super) fn read(subject: &str) -> Option<Ask<'_>> {
    if subject == SUBSCRIBERS {
        return Some(Ask::Subscribers);
    }
    if let Some(rest) = subject.strip_prefix(SERVER) {
        // The shards have seen to it that the server is this one.
        return match rest.split_once('.') {
            None => Some(Ask::Statsz),
            Some((_, name)) => of_server(name),
        };
    }
    if let Some(rest) = subject.strip_prefix(ACCOUNT) {
        return match rest.split_once('.') {
            None => Some(Ask::AccountSubs),
            Some((ALL, "STATZ")) => Some(Ask::AccountStatz),
            // In whatever account there is such a stream.
            Some((ALL, "EXPLAIN")) => of_server("EXPLAIN"),
            Some((account, name)) => of_account(name, account),
        };
    }
    subject.starts_with(USER).then_some(Ask::User)
}

fn of_server(name: &str) -> Option<Ask<'static>> {
    let other = ORDERS.iter().chain(&OTHERS).find(|(known, _)| *known == name);
    let page = PAGES.iter().find(|page| page.name == name);
    other.map(|(_, ask)| *ask).or_else(|| page.map(Ask::Page))
}

fn of_account<'a>(name: &str, account: &'a str) -> Option<Ask<'a>> {
    match name {
        "STATZ" => Some(Ask::AccountStat(account)),
        "CONNS" => Some(Ask::AccountConns(account)),
        _ => {
            let page = ACCOUNT_PAGES.iter().find(|(known, _)| *known == name);
            page.map(|(_, page)| Ask::AccountPage(page, account))
        }
    }
}

/// Whether a request has to say who sent it.
pub(super) fn names_origin(subject: &[u8]) -> bool {
    subject.starts_with(USER.as_bytes()) || subject == SUBSCRIBERS.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_heard_is_understood() {
        for subject in subjects("NABC") {
            let subject = subject.replace('*', "ACC");
            assert!(read(&subject).is_some(), "{subject}");
        }
        for subject in OWN_SUBJECTS {
            assert!(read_own(subject, "ACC").is_some(), "{subject}");
        }
    }

    #[test]
    fn subjects_name_pages_and_accounts() {
        let shown = |subject| match read(subject) {
            Some(Ask::Page(page)) => format!("page {}", page.name),
            Some(Ask::AccountPage(page, account)) => format!("{} of {account}", page.name),
            other => format!("{other:?}"),
        };
        assert_eq!(shown("$SYS.REQ.SERVER.PING.CONNZ"), "page CONNZ");
        assert_eq!(shown("$SYS.REQ.ACCOUNT.A.INFO"), "ACCOUNTZ of A");
        assert_eq!(shown("$SYS.REQ.ACCOUNT.PING.STATZ"), "Some(AccountStatz)");
        assert_eq!(shown("$SYS.REQ.ACCOUNT.A.STATZ"), "Some(AccountStat(\"A\"))");
        assert_eq!(shown("$SYS.REQ.ACCOUNT.NSUBS"), "Some(AccountSubs)");
        assert_eq!(shown("$SYS.REQ.SERVER.PING"), "Some(Statsz)");
        assert_eq!(shown("$SYS.REQ.SERVER.PING.NOPE"), "None");
        assert_eq!(shown("$SYS.REQ.USER.A.INFO"), "Some(User)");
        let own = read_own("$SYS.REQ.SERVER.PING.CONNZ", "B");
        assert!(matches!(own, Some(Ask::AccountPage(page, "B")) if page.name == "CONNZ"));
    }
}
