//! The table with so many rows in it already.

use anyhow::{Context, ensure};

use crate::bench::kit::Kit;

/// Old events, one a second from 2015 on, without the kit in between.
const FILL: &str = "\
INSERT INTO events (id, anonymous_id, user_id, context_app_version, context_device_manufacturer,
    context_device_model, context_device_type, context_locale, context_network_wifi,
    context_os_name, context_network_carrier, context_traits_taxfix_language, event, event_text,
    original_timestamp, \"timestamp\", sent_at, received_at)
SELECT upper(gen_random_uuid()::text), upper(gen_random_uuid()::text), number, '1.2.3', 'Apple',
    'iPhone8,4', 'ios', 'de-DE', true, 'iOS', 'o2-de', 'en-DE', 'another_event', 'anotherEvent',
    at, at, at, at
FROM (
    SELECT number::integer, timestamp '2015-01-01' + number * interval '1 second' AS at
    FROM generate_series(1, $1::bigint) AS number
) AS numbers";

/// Empties the table and puts `row_count` rows in.
pub(super) async fn fill(kit: &Kit, row_count: u64) -> anyhow::Result<()> {
    let postgres = kit.postgres().await?;
    postgres.batch_execute("TRUNCATE events").await.context("empty the table")?;
    if row_count != 0 {
        let count = i64::try_from(row_count).context("count the rows")?;
        let filled = postgres.execute(FILL, &[&count]).await.context("fill the table")?;
        ensure!(filled == row_count, "{filled} of {row_count} rows are in the table");
    }
    // As Redshift does by itself.
    postgres.batch_execute("ANALYZE events").await.context("analyze the table")
}
