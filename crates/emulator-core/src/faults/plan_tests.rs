//! A plan's decisions, as tables.

use super::*;

fn call(caller: &str, operation: &str, resource: &str) -> Call {
    let [caller, operation, resource] = [caller, operation, resource].map(str::to_owned);
    Call { service: "s3".to_owned(), operation, caller, resource }
}

#[test]
fn patterns_match_whole_texts_and_stars_anything() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("PutObject", "PutObject", true),
        ("PutObject", "PutObjects", false),
        ("Put*", "PutObject", true),
        ("*-consume-events", "03-consume-events", true),
        ("*/events/*", "lake/events/20260101/x.json.gz", true),
        ("*/events/*", "lake/archive/events", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b-d", false),
        ("ü*", "über", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn random_parts_of_a_key_do_not_count() {
    for (resource, scope) in [
        ("events", "events"),
        ("lake/events/20260101/a.json.gz", "lake/events"),
        ("lake/events", "lake/events"),
        ("lake", "lake"),
    ] {
        assert_eq!(call("c", "PutObject", resource).scope(), scope);
    }
}

#[test]
fn the_first_rule_that_hits_decides_until_it_is_spent() {
    let rules = vec![
        Rule::new("second", "PutObject", Action::Cut).calls(Calls::Numbers(vec![2])),
        Rule::new("all", "Put*", Action::Lose).on("lake/*").at_most(1),
    ];
    let plan = Plan { seed: 1, rules };
    let put = call("c", "PutObject", "lake/events/x");
    for (number, hits, expected) in
        [(1, [0, 0], Some(1)), (2, [0, 0], Some(0)), (2, [7, 0], Some(0)), (1, [0, 1], None)]
    {
        assert_eq!(plan.decide(&put, number, &hits), expected, "{number} {hits:?}");
    }
    assert_eq!(plan.decide(&call("c", "GetObject", "lake/x"), 1, &[0, 0]), None);
    assert_eq!(plan.decide(&call("c", "PutObject", "pond/x"), 1, &[0, 0]), None);
}

#[test]
fn a_share_depends_on_the_seed_and_the_call_and_on_nothing_else() {
    let plan = |seed, share| Plan {
        seed,
        rules: vec![Rule::new("some", "*", Action::Lose).calls(Calls::Share(share))],
    };
    let hit = |plan: &Plan, caller: &str| -> Vec<u64> {
        let call = call(caller, "PutObject", "lake/events/x");
        (1..=1_000).filter(|number| plan.decide(&call, *number, &[0]).is_some()).collect()
    };
    let some = plan(7, 0.2);
    assert_eq!(hit(&some, "a"), hit(&some, "a"));
    assert_ne!(hit(&some, "a"), hit(&some, "b"));
    assert_ne!(hit(&some, "a"), hit(&plan(8, 0.2), "a"));
    let count = hit(&some, "a").len();
    assert!((140..=260).contains(&count), "{count} of 1000 are not a fifth");
    assert_eq!(hit(&plan(7, 0.0), "a"), Vec::<u64>::new());
    assert_eq!(hit(&plan(7, 1.0), "a").len(), 1_000);
    // Pinned: a seed must mean the same tomorrow.
    assert_eq!(hash(&[7, 0, 1], &["a", "PutObject", "lake/events"]), PINNED);
}

const PINNED: u64 = 9_033_674_686_123_157_740;

#[test]
fn a_plan_is_json_in_which_only_name_and_action_are_needed() {
    let text = r#"{"seed": 7, "rules": [
        {"name": "busy", "operation": "PutObject", "calls": {"share": 0.5},
         "action": {"refuse": {"code": "SlowDown"}}},
        {"name": "lost", "resource": "events", "calls": {"numbers": [1, 3]}, "action": "lose"},
        {"name": "stop here", "operation": "COMMIT", "hits_max": 1, "action": {"hold": "before"}}]}"#;
    let plan: Plan = serde_json::from_str(text).unwrap();
    assert_eq!(plan.rules[0].action, Action::Refuse { status: 503, code: "SlowDown".to_owned() });
    assert_eq!(plan.rules[1].calls, Calls::Numbers(vec![1, 3]));
    assert_eq!(plan.rules[2].action, Action::Hold(Moment::Before));
    let again = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&again).unwrap(), plan);
    let unknown = r#"{"rules": [{"name": "x", "action": "lose", "nth": 1}]}"#;
    let error = serde_json::from_str::<Plan>(unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `nth`"), "{error}");
}

#[test]
fn a_rule_that_can_never_hit_is_named() {
    let rule = |service: &str, action| Rule {
        service: service.to_owned(),
        ..Rule::new("odd", "*", action)
    };
    let refuse = |code: &str| Action::Refuse { status: 503, code: code.to_owned() };
    let fail = Action::FailEntries { count: 1, code: String::new(), sender_fault: false };
    for (rule, problem) in [
        (rule("*", fail.clone()), None),
        (rule("s*", fail.clone()), None),
        (
            rule("s3", fail.clone()),
            Some(r#"rule "odd": fail-entries is for sqs, but the rule's service is "s3""#),
        ),
        (
            rule("redshift", fail.clone()),
            Some(r#"rule "odd": fail-entries is for sqs, but the rule's service is "redshift""#),
        ),
        (Rule::new("odd", "Send*", fail.clone()), None),
        (
            Rule::new("odd", "ReceiveMessage", fail),
            Some(
                "rule \"odd\": fail-entries is for ChangeMessageVisibilityBatch, \
                 DeleteMessageBatch, SendMessageBatch, but the rule's operation is \
                 \"ReceiveMessage\"",
            ),
        ),
        (rule("redshift", refuse("40001")), None),
        (rule("*", refuse("SlowDown")), None),
        (
            rule("redshift", refuse("SlowDown")),
            Some(
                "rule \"odd\": redshift refuses with 40001, 40P01, 42501, 53100, 53200, 53300, \
                 57014, 58030, not with \"SlowDown\"",
            ),
        ),
        (
            Rule::new("odd", "*", Action::Cut).at_most(0),
            Some("rule \"odd\" never hits: hits_max is 0"),
        ),
        (
            Rule::new("odd", "*", Action::Cut).calls(Calls::Numbers(vec![0])),
            Some("rule \"odd\" never hits: its calls have numbers from 1"),
        ),
        (
            Rule::new("odd", "*", Action::Cut).calls(Calls::Share(1.5)),
            Some("rule \"odd\" never hits: a share is from 0.0 to 1.0"),
        ),
        (
            rule("sqs", Action::CutAfter { bytes: 1 }),
            Some(r#"rule "odd": cut-after is for tcp, but the rule's service is "sqs""#),
        ),
        (
            rule("sns", Action::Cut),
            Some(
                r#"rule "odd": cut is for sqs, s3, redshift, tcp, but the rule's service is "sns""#,
            ),
        ),
    ] {
        let checked = Plan { seed: 1, rules: vec![rule] }.check();
        assert_eq!(checked.err().map(|error| error.to_string()).as_deref(), problem);
    }
}

#[test]
fn an_action_hits_only_calls_it_can_be_done_to() {
    let plan =
        Plan { seed: 1, rules: vec![Rule::new("slow", "*", Action::Slow { bytes_per_second: 1 })] };
    let put = call("c", "PutObject", "lake/events/x");
    assert_eq!(plan.decide(&put, 1, &[0]), None);
    let connect = Call { service: "tcp".to_owned(), ..call("127.0.0.1", "Connect", "s3") };
    assert_eq!(plan.decide(&connect, 1, &[0]), Some(0));
}
