//! The streams of a run: made at its start, deleted at its end, however it ends.

use serde_json::{Map, Value, json};

use super::api::{Api, random_name};
use super::args::StreamArgs;
use crate::error::BenchError;
use crate::shapes::Context;

/// Streams, and a connection to ask about them.
pub(super) struct Streams {
    pub(super) api: Api,
    names: Vec<String>,
    /// Whether they are ours to delete.
    owned: bool,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) messages: u64,
    pub(super) last_seq: u64,
}

/// The name that `args` give, or one that nobody else has.
pub(super) fn name_of(args: &StreamArgs) -> String {
    args.stream.clone().unwrap_or_else(|| format!("bench_{}", random_name(8)))
}

/// The configuration of a stream named `name` for the subject of that name and all below it,
/// with the fields of `extra`.
pub(super) fn config(name: &str, args: &StreamArgs, extra: &Value) -> Value {
    let mut config = Map::new();
    config.insert("name".to_owned(), Value::from(name));
    config.insert("subjects".to_owned(), json!([name, format!("{name}.>")]));
    config.insert("storage".to_owned(), Value::from(args.storage.name()));
    config.insert("num_replicas".to_owned(), Value::from(args.replicas));
    for (key, value) in extra.as_object().into_iter().flatten() {
        config.insert(key.clone(), value.clone());
    }
    Value::Object(config)
}

impl Streams {
    /// Makes the streams of these configurations, unless `args` say that they are there.
    pub(super) fn make(
        context: &Context<'_>,
        args: &StreamArgs,
        configs: &[Value],
    ) -> Result<Self, BenchError> {
        let mut streams = Self::over(Api::open(context)?, !args.keep && !args.existing);
        for config in configs {
            let name = config["name"].as_str().unwrap_or_default();
            if args.existing {
                streams.names.push(name.to_owned());
                streams.state(name)?;
            } else {
                streams.api.ask(&format!("STREAM.CREATE.{name}"), config)?;
                // From here on it is there, and has to go.
                streams.names.push(name.to_owned());
            }
        }
        Ok(streams)
    }

    /// No streams yet.
    pub(super) fn over(api: Api, owned: bool) -> Self {
        Self { api, names: Vec::new(), owned }
    }

    /// Takes a stream over that was made by other means.
    pub(super) fn adopt(&mut self, name: String) {
        self.names.push(name);
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn state(&mut self, name: &str) -> Result<State, BenchError> {
        let info = self.api.ask(&format!("STREAM.INFO.{name}"), &json!({}))?;
        let number = |field: &str| info["state"][field].as_u64().unwrap_or(0);
        Ok(State { messages: number("messages"), last_seq: number("last_seq") })
    }

    /// Of all streams together.
    pub(super) fn states(&mut self) -> Result<State, BenchError> {
        let mut sum = State::default();
        for name in self.names.clone() {
            let state = self.state(&name)?;
            sum.messages += state.messages;
            sum.last_seq += state.last_seq;
        }
        Ok(sum)
    }

    /// Deletes what is ours to delete.
    pub(super) fn close(mut self) -> Result<(), BenchError> {
        self.delete()
    }

    fn delete(&mut self) -> Result<(), BenchError> {
        let mut result = Ok(());
        for name in std::mem::take(&mut self.names) {
            if self.owned {
                let deleted = self.api.ask(&format!("STREAM.DELETE.{name}"), &json!({}));
                result = result.and(deleted.map(|_| ()));
            }
        }
        result
    }
}

impl Drop for Streams {
    /// Only has something to do when the run failed; that error is the one to report.
    fn drop(&mut self) {
        let _ = self.delete();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::js::args::Storage;

    #[test]
    fn a_configuration_takes_more_fields() {
        let args = StreamArgs {
            stream: Some("S".to_owned()),
            storage: Storage::Memory,
            replicas: 1,
            keep: false,
            existing: false,
        };
        assert_eq!(name_of(&args), "S");
        let extra = json!({"allow_direct": true, "subjects": ["x"]});
        let expected = json!({
            "name": "S", "subjects": ["x"], "storage": "memory", "num_replicas": 1,
            "allow_direct": true
        });
        assert_eq!(config("S", &args, &extra), expected);
        let args = StreamArgs { stream: None, ..args };
        assert!(name_of(&args).starts_with("bench_"));
        assert_ne!(name_of(&args), name_of(&args));
    }
}
