//! The results of a part that ran several times, or several times at once, as one.

use serde::Serialize;
use serde_json::{Map, Value};

/// Sums, key by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums(Map<String, Value>);

impl Sums {
    /// The sums of one run.
    ///
    /// # Errors
    /// If the summary is not an object.
    pub(crate) fn of(summary: &impl Serialize) -> anyhow::Result<Self> {
        match serde_json::to_value(summary)? {
            Value::Object(keys) => Ok(Self(keys)),
            other => anyhow::bail!("a summary is an object, not {other}"),
        }
    }

    /// Adds another run. Counts add up; of seconds, and anything else, the largest or last holds.
    pub(crate) fn add(&mut self, other: &Self) {
        for (key, value) in &other.0 {
            let sum = match (self.0.get(key), value) {
                (Some(before), more) => match (before.as_u64(), more.as_u64()) {
                    (Some(before), Some(more)) => Value::from(before.saturating_add(more)),
                    _ => match (before.as_f64(), more.as_f64()) {
                        (Some(before), Some(more)) => Value::from(before.max(more)),
                        _ => more.clone(),
                    },
                },
                (None, more) => more.clone(),
            };
            self.0.insert(key.clone(), sum);
        }
    }

    /// One of the counts; 0 if it is not there.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.0.get(key).and_then(Value::as_u64).unwrap_or_default()
    }

    /// As JSON.
    pub(crate) fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// Of results that each count all that was done in this process so far, the latest, which is the
/// largest, key by key; or the first failure.
pub(crate) fn latest(
    one: anyhow::Result<Sums>,
    other: anyhow::Result<Sums>,
) -> anyhow::Result<Sums> {
    let (mut latest, other) = (one?, other?);
    for (key, value) in other.0 {
        let is_less = match latest.0.get(&key) {
            Some(before) => before.as_f64() < value.as_f64(),
            None => true,
        };
        if is_less {
            latest.0.insert(key, value);
        }
    }
    Ok(latest)
}

/// For people: `rows 7, seconds 1.2`. What is empty is left out.
pub(crate) fn human(result: &Value) -> String {
    let said = result.as_object().into_iter().flatten();
    let said = said.filter(|(_, value)| !value.is_null() && value.as_array() != Some(&Vec::new()));
    let shown = said.map(|(key, value)| match value {
        Value::String(text) => format!("{key} {text}"),
        Value::Number(number) if number.is_f64() => {
            format!("{key} {:.1}", number.as_f64().unwrap_or_default())
        }
        Value::Array(values) => {
            let values = values.iter().map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            format!("{key} {}", values.collect::<Vec<_>>().join(" "))
        }
        other => format!("{key} {other}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_add_up_and_of_seconds_the_longest_holds() {
        let mut sums = Sums::of(&json!({"sent": 3, "seconds": 1.5})).unwrap();
        sums.add(&Sums::of(&json!({"sent": 4, "seconds": 1.0, "late": 1})).unwrap());
        assert_eq!(sums.value(), json!({"sent": 7, "seconds": 1.5, "late": 1}));
        assert_eq!((sums.count("sent"), sums.count("none")), (7, 0));
        Sums::of(&7).unwrap_err();
    }

    #[test]
    fn of_counts_that_go_on_the_latest_hold() {
        let of = |value| Sums::of(&value);
        let first = latest(Ok(Sums::default()), of(json!({"stored": 3, "seconds": 1.5})));
        let second = latest(first, of(json!({"stored": 5, "seconds": 1.0})));
        assert_eq!(second.unwrap().value(), json!({"stored": 5, "seconds": 1.5}));
        latest(of(json!({})), of(json!(7))).unwrap_err();
    }

    #[test]
    fn a_result_reads_as_a_line() {
        let line = human(&json!({"charts": ["a.png", "b.svg"], "rows": 7, "seconds": 1.25}));
        assert_eq!(line, "charts a.png b.svg, rows 7, seconds 1.2");
        assert_eq!(human(&json!({"objects": [], "report": null, "rows": 0})), "rows 0");
    }
}
