//! Which bucket a host name means.
//!
//! User Guide, "Virtual hosting of general purpose buckets", with the names that lead to this
//! machine: `bucket.localhost`, `bucket.s3.localhost` and LocalStack's
//! `bucket.s3.localhost.localstack.cloud`, the latter two also with a region. All else is path
//! style.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

const DOMAINS: [&str; 2] = ["localhost.localstack.cloud", "localhost"];

/// Finds buckets in host names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let virtual_host = VirtualHost::new(host);
        Ok(match bucket(host) {
            Some(bucket) => virtual_host.with_bucket(bucket),
            None => virtual_host,
        })
    }
}

fn bucket(host: &str) -> Option<&str> {
    let host = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let domain = DOMAINS.into_iter().find_map(|domain| host.strip_suffix(domain))?;
    let labels = domain.strip_suffix('.')?;
    if labels == "s3" || labels.starts_with("s3.") {
        return None;
    }
    let behind = labels.strip_suffix(".s3").or_else(|| Some(labels.rsplit_once(".s3.")?.0));
    Some(behind.unwrap_or(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_found_in_front_of_the_local_domains() {
        let check = |host: &str, expected| assert_eq!(bucket(host), expected, "{host}");
        check("localhost:4566", None);
        check("127.0.0.1:4566", None);
        check("s3.localhost:4566", None);
        check("s3.localhost.localstack.cloud:4566", None);
        check("s3.eu-central-1.localhost.localstack.cloud", None);
        check("lake.localhost:4566", Some("lake"));
        check("my.lake.localhost", Some("my.lake"));
        check("lake.s3.localhost", Some("lake"));
        check("lake.s3.localhost.localstack.cloud:4566", Some("lake"));
        check("my.lake.s3.eu-central-1.localhost.localstack.cloud", Some("my.lake"));
        check("s3-lake.localhost", Some("s3-lake"));
        check("kit:4566", None);
        check("notlocalhost", None);
    }
}
