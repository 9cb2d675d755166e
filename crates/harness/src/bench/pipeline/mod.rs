//! `cargo xtask bench pipeline`: the programs' release builds on our own kit, and beside them, on
//! the same kit, a loop as the prototype's.

mod peer;
mod report;
mod requests;
mod table;
mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use aws_sdk_sqs::types::QueueAttributeName;

pub use report::{Backlog, Goal, Outcome, Peer, Peers, PipelineReport};

use self::watched::{Measured, Watched};
use super::kit::Kit;
use crate::binaries::{Binaries, release_programs, workspace_root};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Events of each round.
    pub events: u64,
    /// Rounds; the median counts.
    pub rounds: u32,
    /// Messages for the loop in Python; 0 leaves it out.
    pub peer_events: u64,
    /// Messages of the one long queue; 0 leaves it out.
    pub backlog: u64,
    /// Rows in the table for the slow upload; 0 leaves it out.
    pub rows_present: u64,
    /// The folder with the programs to measure; without one the releases are built.
    pub programs: Option<PathBuf>,
}

/// Rows in the table for the quick upload.
const ROWS_PRESENT_FEW: u64 = 10_000;
/// How often the queue is asked whether it is empty.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The kit and everything that runs on it.
struct Bench<'a> {
    kit: Kit,
    programs: Binaries,
    sqs: aws_sdk_sqs::Client,
    queue: String,
    bucket: String,
    queue_url: String,
    /// Of the next events, so that no two rounds send the same.
    seed: u64,
    say: &'a dyn Fn(&str),
}

/// Builds the programs, starts the kit and measures. `say` hears of the progress.
pub async fn run(options: &Options, say: &dyn Fn(&str)) -> anyhow::Result<PipelineReport> {
    let programs = match &options.programs {
        Some(folder) => Binaries::in_folder(folder),
        None => {
            say("building the release programs");
            release_programs()?
        }
    };
    let mut bench = Bench::start(programs, say).await?;
    let rounds = bench.rounds(options).await?;
    say("counting requests");
    let requests = requests::count(&bench.programs, bench.seed).await?;
    let prototype_loop = bench.peer(options).await?;
    let backlog = bench.backlog(options).await?;
    let rate = |seconds: fn(&Round) -> f64| options.events as f64 / median(&rounds, seconds);
    let many = (options.rows_present != 0).then(|| rate(|round| round.upload_many));
    Ok(PipelineReport {
        events: options.events,
        rounds: options.rounds,
        generate_events_per_second: rate(|round| round.generate.seconds),
        consume_events_per_second: rate(|round| round.consume.seconds),
        consume_cpu_us_per_event: 1e6 / rate(|round| round.consume.cpu_seconds),
        consume_peak_rss_bytes: rounds
            .iter()
            .map(|round| round.consume.peak_rss_bytes)
            .max()
            .unwrap_or_default(),
        sqs_requests_per_1000_events: requests,
        upload_rows_per_second_10k: rate(|round| round.upload_few),
        upload_rows_per_second_10m: many,
        rows_present_few: ROWS_PRESENT_FEW,
        rows_present_many: options.rows_present,
        backlog,
        peers: Peers { prototype_loop },
    })
}

/// What one round took; uploads in seconds.
#[derive(Debug)]
struct Round {
    generate: Measured,
    consume: Measured,
    upload_few: f64,
    upload_many: f64,
}

fn median(rounds: &[Round], seconds: fn(&Round) -> f64) -> f64 {
    let mut seconds: Vec<f64> = rounds.iter().map(seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

impl<'a> Bench<'a> {
    async fn start(programs: Binaries, say: &'a dyn Fn(&str)) -> anyhow::Result<Self> {
        let settings = workspace_root().join("settings.ini");
        let kit = Kit::start_with(&programs.path("blueshift"), Some(&settings))?;
        let resources = blueshift::provision::Resources::from_settings(&settings)?;
        let sqs = kit.sqs();
        let url = sqs.get_queue_url().queue_name(&resources.queue).send().await;
        let queue_url = url.context("find the queue")?.queue_url.context("it has a URL")?;
        let (queue, bucket) = (resources.queue, resources.bucket);
        Ok(Self { kit, programs, sqs, queue, bucket, queue_url, seed: 1, say })
    }

    async fn rounds(&mut self, options: &Options) -> anyhow::Result<Vec<Round>> {
        let mut rounds = Vec::new();
        // The slow uploads come last: the table is filled once for all of them.
        for number in 1..=options.rounds {
            table::fill(&self.kit, ROWS_PRESENT_FEW).await?;
            let generate = self.generate(options.events).await?;
            let consume = self.consume().await?;
            let upload_few = self.upload(options.events).await?;
            (self.say)(&format!(
                "round {number}: generate {:.2} s, consume {:.2} s, upload {upload_few:.2} s",
                generate.seconds, consume.seconds
            ));
            rounds.push(Round { generate, consume, upload_few, upload_many: f64::NAN });
        }
        if options.rows_present != 0 {
            (self.say)(&format!("filling the table with {} rows", options.rows_present));
            table::fill(&self.kit, options.rows_present).await?;
            for round in &mut rounds {
                self.generate(options.events).await?;
                self.consume().await?;
                round.upload_many = self.upload(options.events).await?;
                (self.say)(&format!("upload beside them: {:.2} s", round.upload_many));
            }
            table::fill(&self.kit, 0).await?;
        }
        Ok(rounds)
    }

    async fn generate(&mut self, count: u64) -> anyhow::Result<Measured> {
        let (count, seed) = (count.to_string(), self.seed.to_string());
        self.seed += 1;
        let arguments = ["--flat-out", "--count", &count, "--seed", &seed];
        self.start_program("generate-events", &arguments)?.finish().await
    }

    /// Consumes until the queue is empty, then stops the consumer.
    async fn consume(&self) -> anyhow::Result<Measured> {
        let arguments = ["--sqs-polling-timeout", "1"];
        let mut consumer = self.start_program("consume-events", &arguments)?;
        while self.depth(QueueAttributeName::ApproximateNumberOfMessages).await? != 0 {
            consumer.look()?;
            tokio::time::sleep(ASK_EVERY).await;
        }
        let measured = consumer.terminate().await?;
        let left = self.depth(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await?;
        ensure!(left == 0, "consume-events left {left} messages undeleted");
        Ok(measured)
    }

    /// Loads what was consumed; gives its seconds.
    async fn upload(&self, row_count: u64) -> anyhow::Result<f64> {
        let measured = self.start_program("upload-data", &[])?.finish().await?;
        let result: serde_json::Value =
            serde_json::from_str(&measured.stdout).context("read the result of upload-data")?;
        let loaded = result["rows_loaded"].as_u64().unwrap_or_default();
        ensure!(loaded == row_count, "upload-data loaded {loaded} of {row_count} rows: {result}");
        Ok(measured.seconds)
    }

    async fn peer(&mut self, options: &Options) -> anyhow::Result<Outcome> {
        if options.peer_events == 0 {
            return Ok(Outcome::Skipped { skipped: "left out by --peer-events 0".to_owned() });
        }
        (self.say)("the prototype's loop");
        self.generate(options.peer_events).await?;
        let outcome = peer::run(&self.kit, &self.queue, &self.bucket, options.peer_events).await;
        Ok(outcome.map_or_else(
            |error| Outcome::Skipped { skipped: format!("{error:#}") },
            Outcome::Measured,
        ))
    }

    async fn backlog(&mut self, options: &Options) -> anyhow::Result<Option<Backlog>> {
        if options.backlog == 0 {
            return Ok(None);
        }
        (self.say)(&format!("a backlog of {} messages", options.backlog));
        // A loop that was left out or failed may have left messages.
        let before = self.depth(QueueAttributeName::ApproximateNumberOfMessages).await?;
        self.generate(options.backlog).await?;
        let measured = self.consume().await?;
        let events = before + options.backlog;
        Ok(Some(Backlog {
            events,
            consume_events_per_second: events as f64 / measured.seconds,
            consume_cpu_us_per_event: measured.cpu_seconds * 1e6 / events as f64,
            consume_peak_rss_bytes: measured.peak_rss_bytes,
        }))
    }

    fn start_program(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Watched> {
        let settings = workspace_root().join("settings.ini");
        let table = workspace_root().join("create_table.sql");
        start_program(&self.programs, program, arguments, self.kit.environment(), &settings, &table)
    }

    async fn depth(&self, attribute: QueueAttributeName) -> anyhow::Result<u64> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(&self.queue_url)
            .attribute_names(attribute.clone())
            .send()
            .await
            .context("ask for the queue's attributes")?;
        let value = answer.attributes.as_ref().and_then(|all| all.get(&attribute));
        let number = value.and_then(|value| value.parse().ok());
        number.with_context(|| format!("the queue does not tell {attribute}"))
    }
}

/// Starts one of our programs with a JSON result and logs of warnings only.
fn start_program(
    programs: &Binaries,
    program: &str,
    arguments: &[&str],
    environment: &[(String, String)],
    settings: &Path,
    table: &Path,
) -> anyhow::Result<Watched> {
    let mut environment = environment.to_vec();
    for (name, path) in [("BLUESHIFT_SETTINGS", settings), ("REDSHIFT_CREATE_TABLE", table)] {
        environment.push((name.to_owned(), path.display().to_string()));
    }
    let all = [&["--output", "json", "--log-filter", "warn"], arguments].concat();
    Watched::start(&programs.path(program), &all, &environment)
}
