//! Which calls meet a fault, and which one.
//!
//! Pure: who counts the calls, waits and cuts is not known here. Whether the n-th call of a
//! caller, operation and resource is hit follows from the seed and these alone, not from one random
//! stream, so that concurrency does not change what a seed replays.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One request or statement, as far as a plan can tell it from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Call {
    /// `sqs`, `s3` or `redshift`; `tcp` for a connection through a TCP proxy.
    pub service: String,
    /// AWS's name of the operation (`DeleteMessageBatch`, `PutObject`); for Redshift the first word
    /// of the statement, in capitals (`COPY`, `COMMIT`); for `tcp` always `Connect`.
    pub operation: String,
    /// Who calls: the access key of a signed request, the user of a Redshift session, the address
    /// of a TCP client.
    pub caller: String,
    /// Queue name, `bucket/key`, database, or the TCP proxy's name.
    pub resource: String,
}

impl Call {
    /// The resource as far as it counts for "the n-th call": of an object the bucket and the first
    /// segment of its key. Programs choose the rest at random, and a seed must replay.
    pub fn scope(&self) -> &str {
        let ends = self.resource.match_indices('/').nth(1).map(|(index, _)| index);
        &self.resource[..ends.unwrap_or(self.resource.len())]
    }
}

/// A list of rules; the first that hits a call decides. Without rules nothing ever happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Decides which calls a share of calls is.
    #[serde(default)]
    pub seed: u64,
    /// Tried in order.
    pub rules: Vec<Rule>,
}

/// Which calls, and what happens to them. In the four filters `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// By this the journal and those who wait know the rule.
    pub name: String,
    /// Filter on [`Call::service`].
    #[serde(default = "anything")]
    pub service: String,
    /// Filter on [`Call::operation`].
    #[serde(default = "anything")]
    pub operation: String,
    /// Filter on [`Call::caller`].
    #[serde(default = "anything")]
    pub caller: String,
    /// Filter on [`Call::resource`].
    #[serde(default = "anything")]
    pub resource: String,
    /// Which of the calls that pass the filters.
    #[serde(default)]
    pub calls: Calls,
    /// After so many hits the rule is spent.
    #[serde(default)]
    pub hits_max: Option<u64>,
    /// What happens.
    pub action: Action,
}

fn anything() -> String {
    "*".to_owned()
}

/// Which calls. They are counted from 1 when the plan is set, separately for each caller, operation
/// and [`Call::scope`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Calls {
    /// Every one.
    #[default]
    All,
    /// The n-th ones.
    Numbers(Vec<u64>),
    /// This share of them, 0.0 to 1.0, by the hash of seed, rule, caller, operation, scope and n.
    Share(f64),
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// It is refused and has no effect. Throttling is status 400 with `RequestThrottled` on SQS, 503
    /// with `SlowDown` on S3; for Redshift `code` is an SQLSTATE.
    Refuse {
        /// HTTP status; Redshift has none.
        #[serde(default = "service_unavailable")]
        status: u16,
        /// AWS's error code, or the SQLSTATE.
        code: String,
    },
    /// A batch call of SQS succeeds, but its first entries are listed as failed and have no effect.
    FailEntries {
        /// How many entries of each call.
        count: usize,
        /// Their error code.
        code: String,
        /// Whether the answer blames the sender.
        #[serde(default)]
        sender_fault: bool,
    },
    /// The connection ends before the call has an effect.
    Cut,
    /// The call takes effect, then the connection ends without an answer.
    Lose,
    /// The call is answered later.
    Delay {
        /// By so many milliseconds.
        ms: u64,
    },
    /// The call is held until it is released or cut.
    Hold(Moment),
    /// Of a connection through a TCP proxy so many bytes a second pass, in each direction.
    Slow {
        /// At least one.
        bytes_per_second: u64,
    },
    /// A connection through a TCP proxy ends when more than these bytes were answered.
    CutAfter {
        /// Bytes from the server to the client.
        bytes: u64,
    },
}

/// A rule that can never do what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Its action and its service exclude each other.
    #[error("rule {rule:?}: {action} is for {services}, but the rule's service is {service:?}")]
    Service {
        /// The rule's name.
        rule: String,
        /// The action, as a plan calls it.
        action: &'static str,
        /// What the action can be done to.
        services: String,
        /// The rule's service.
        service: String,
    },
    /// It fails entries of calls that have none.
    #[error(
        "rule {rule:?}: fail-entries is for {}, but the rule's operation is {operation:?}",
        BATCHES.join(", ")
    )]
    NoEntries {
        /// The rule's name.
        rule: String,
        /// The rule's operation.
        operation: String,
    },
    /// It refuses statements with a code that is none of theirs.
    #[error("rule {rule:?}: redshift refuses with {}, not with {code:?}", SQLSTATES.join(", "))]
    NoSqlstate {
        /// The rule's name.
        rule: String,
        /// The rule's code.
        code: String,
    },
    /// It hits no call at all.
    #[error("rule {rule:?} never hits: {reason}")]
    Never {
        /// The rule's name.
        rule: String,
        /// Why.
        reason: &'static str,
    },
}

fn service_unavailable() -> u16 {
    503
}

/// When a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before it has any effect.
    Before,
    /// After its effect, before its answer.
    After,
}

/// Everything that faults can stand in front of.
const SERVICES: [&str; 4] = ["sqs", "s3", "redshift", "tcp"];

/// The operations of SQS that have entries.
const BATCHES: [&str; 3] =
    ["ChangeMessageVisibilityBatch", "DeleteMessageBatch", "SendMessageBatch"];
/// The SQLSTATEs that a statement can be refused with (PostgreSQL, "PostgreSQL Error Codes").
pub const SQLSTATES: [&str; 8] =
    ["40001", "40P01", "42501", "53100", "53200", "53300", "57014", "58030"];

impl Plan {
    /// Looks for rules that can never do what they say.
    ///
    /// # Errors
    /// The first such rule.
    pub fn check(&self) -> Result<(), PlanError> {
        self.rules.iter().try_for_each(Rule::check)
    }

    /// The place of the rule that hits the `number`-th call like this one. `hits` is how often each
    /// rule has hit so far.
    pub fn decide(&self, call: &Call, number: u64, hits: &[u64]) -> Option<usize> {
        self.rules.iter().enumerate().position(|(index, rule)| {
            let spent = rule
                .hits_max
                .is_some_and(|max| max <= hits.get(index).copied().unwrap_or_default());
            !spent && rule.concerns(call) && self.chooses(index, rule, call, number)
        })
    }

    fn chooses(&self, index: usize, rule: &Rule, call: &Call, number: u64) -> bool {
        match &rule.calls {
            Calls::All => true,
            Calls::Numbers(numbers) => numbers.contains(&number),
            Calls::Share(share) => {
                let Call { caller, operation, .. } = call;
                let words = [self.seed, index as u64, number];
                let hash = hash(&words, &[caller, operation, call.scope()]);
                // The upper 53 bits as a fraction of one, exactly.
                let fraction = (hash >> 11) as f64 / (1_u64 << 53) as f64;
                fraction < *share
            }
        }
    }
}

impl Rule {
    /// A rule for every call of one operation, whoever makes it.
    pub fn new(name: &str, operation: &str, action: Action) -> Self {
        Self {
            name: name.to_owned(),
            service: anything(),
            operation: operation.to_owned(),
            caller: anything(),
            resource: anything(),
            calls: Calls::All,
            hits_max: None,
            action,
        }
    }

    /// Only for this resource.
    #[must_use]
    pub fn on(self, resource: &str) -> Self {
        Self { resource: resource.to_owned(), ..self }
    }

    /// Only from this caller.
    #[must_use]
    pub fn from(self, caller: &str) -> Self {
        Self { caller: caller.to_owned(), ..self }
    }

    /// Only these calls.
    #[must_use]
    pub fn calls(self, calls: Calls) -> Self {
        Self { calls, ..self }
    }

    /// Only so many times.
    #[must_use]
    pub fn at_most(self, hits_max: u64) -> Self {
        Self { hits_max: Some(hits_max), ..self }
    }

    fn check(&self) -> Result<(), PlanError> {
        let rule = self.name.clone();
        let (action, services) = self.action.name_and_services();
        if !services.iter().any(|service| matches(&self.service, service)) {
            let (services, service) = (services.join(", "), self.service.clone());
            return Err(PlanError::Service { rule, action, services, service });
        }
        if !self.action.fits(|batch| matches(&self.operation, batch)) {
            return Err(PlanError::NoEntries { rule, operation: self.operation.clone() });
        }
        match &self.action {
            Action::Refuse { code, .. }
                if self.service == "redshift" && !SQLSTATES.contains(&code.as_str()) =>
            {
                return Err(PlanError::NoSqlstate { rule, code: code.clone() });
            }
            _ => {}
        }
        let reason = match &self.calls {
            _ if self.hits_max == Some(0) => "hits_max is 0",
            Calls::Numbers(numbers) if numbers.iter().all(|number| *number == 0) => {
                "its calls have numbers from 1"
            }
            Calls::Share(share) if !(0.0..=1.0).contains(share) => "a share is from 0.0 to 1.0",
            _ => return Ok(()),
        };
        Err(PlanError::Never { rule, reason })
    }

    fn concerns(&self, call: &Call) -> bool {
        self.action.name_and_services().1.contains(&&*call.service)
            && self.action.fits(|batch| batch == call.operation)
            && matches(&self.service, &call.service)
            && matches(&self.operation, &call.operation)
            && matches(&self.caller, &call.caller)
            && matches(&self.resource, &call.resource)
    }
}

impl Action {
    /// What a plan calls it, and the services whose calls it can be done to.
    fn name_and_services(&self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Refuse { .. } => ("refuse", &["sqs", "s3", "redshift"]),
            Self::FailEntries { .. } => ("fail-entries", &["sqs"]),
            Self::Cut => ("cut", &SERVICES),
            Self::Lose => ("lose", &SERVICES),
            Self::Delay { .. } => ("delay", &SERVICES),
            Self::Hold(_) => ("hold", &SERVICES),
            Self::Slow { .. } => ("slow", &["tcp"]),
            Self::CutAfter { .. } => ("cut-after", &["tcp"]),
        }
    }

    /// Whether it can be done to an operation, told whether that is one of SQS's batches.
    fn fits(&self, is_batch: impl Fn(&str) -> bool) -> bool {
        !matches!(self, Self::FailEntries { .. }) || BATCHES.into_iter().any(is_batch)
    }

    /// How long a delay is; nothing for the other actions.
    pub fn delay(&self) -> Duration {
        match self {
            Self::Delay { ms } => Duration::from_millis(*ms),
            _ => Duration::ZERO,
        }
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    (0..=rest.len())
        .filter(|&start| rest.is_char_boundary(start))
        .any(|start| matches(tail, &rest[start..]))
}

/// FNV-1a over everything, then the finalizer of SplitMix64: the same on every machine and in every
/// version, which the standard library's hashers do not promise.
fn hash(words: &[u64], texts: &[&str]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    words.iter().flat_map(|word| word.to_le_bytes()).for_each(&mut eat);
    for text in texts {
        text.bytes().for_each(&mut eat);
        eat(0xFF); // No byte of UTF-8, so that ("ab", "c") and ("a", "bc") differ.
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
