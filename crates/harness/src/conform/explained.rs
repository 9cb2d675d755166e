//! Why the kit and LocalStack differ where they do, and which page of AWS's says who is right.

/// A difference that is meant to be.
#[derive(Debug)]
pub(super) struct Explained {
    /// The step; a `*` stands for any text.
    step: &'static str,
    /// The field, with `*` likewise.
    field: &'static str,
    /// Who is right, and the page.
    pub(super) why: &'static str,
}

impl Explained {
    pub(super) fn covers(&self, step: &str, field: &str) -> bool {
        let fits = |pattern: &str, text: &str| match pattern.split_once('*') {
            Some((beginning, end)) => text.starts_with(beginning) && text.ends_with(end),
            None => text == pattern,
        };
        fits(self.step, step) && fits(self.field, field)
    }
}

pub(super) const EXPLAINED: &[Explained] = &[
    Explained {
        step: "CreateQueue: a bad name",
        field: "body.message",
        why: "neither: API_CreateQueue gives the rule, not the sentence",
    },
    Explained {
        step: "*",
        field: "body.QueueUrl",
        why: "neither: a queue URL is opaque (SQS Developer Guide, 'Queue and message \
              identifiers'); the kit writes AWS's own form",
    },
    Explained {
        step: "*",
        field: "body.__type",
        why: "kit: the type is written with its namespace ('Making Query API requests using AWS \
              JSON protocol', error example)",
    },
    Explained {
        step: "*",
        field: "header x-amzn-errortype",
        why: "kit: SQS names the error in __type and x-amzn-query-error ('Making Query API \
              requests using AWS JSON protocol')",
    },
    Explained {
        step: "CreateQueue*",
        field: "header content-type",
        why: "kit: errors of AWS JSON 1.0 are application/x-amz-json-1.0, as successes are (same \
              page)",
    },
    Explained {
        step: "GetQueueUrl*",
        field: "header content-type",
        why: "kit: as for CreateQueue",
    },
    Explained {
        step: "ChangeMessageVisibility: too long",
        field: "*",
        why: "kit: VisibilityTimeout is 0 to 43200 (API_ChangeMessageVisibility); LocalStack takes \
              43201",
    },
    Explained {
        step: "DeleteMessage*",
        field: "header content-type",
        why: "kit: as for CreateQueue",
    },
    Explained {
        step: "ReceiveMessage*",
        field: "header content-type",
        why: "kit: as for CreateQueue",
    },
    Explained {
        step: "SendMessage*",
        field: "header content-type",
        why: "kit: as for CreateQueue",
    },
    Explained {
        step: "SetQueueAttributes: a bad value",
        field: "*",
        why: "kit: DelaySeconds is 0 to 900 (API_SetQueueAttributes); LocalStack takes 901",
    },
    Explained {
        step: "SendMessageBatch: one good, one bad",
        field: "*",
        why: "kit: DelaySeconds is 0 to 900 (API_SendMessageBatchRequestEntry); LocalStack takes \
              901",
    },
    Explained {
        step: "SendMessageBatch*",
        field: "body.message",
        why: "kit: LocalStack says no reason (API_SendMessageBatch, Errors)",
    },
    Explained {
        step: "*Batch: one good, one bad",
        field: "body.Failed.0.SenderFault",
        why: "kit: a handle that is none is the caller's fault (API_BatchResultErrorEntry)",
    },
    Explained {
        step: "PurgeQueue: again at once",
        field: "*",
        why: "kit: PurgeQueueInProgress within 60 seconds (API_PurgeQueue)",
    },
    Explained {
        step: "CreateBucket",
        field: "header x-amz-bucket-arn",
        why: "kit: for directory buckets only (API_CreateBucket, Response Elements)",
    },
    Explained {
        step: "HeadBucket",
        field: "header x-amz-bucket-arn",
        why: "kit: for directory buckets only (API_HeadBucket, Response Elements)",
    },
    Explained {
        step: "HeadBucket",
        field: "header content-type",
        why: "neither: API_HeadBucket names no content type for an answer without a body",
    },
    Explained {
        step: "*",
        field: "body Error.HostId",
        why: "kit: an error has RequestId and HostId, which support asks for (S3 User Guide, \
              'Getting Amazon S3 request IDs for AWS Support')",
    },
    Explained {
        step: "GetObject: only if it is another",
        field: "*",
        why: "kit: If-None-Match that matches answers 304 (API_GetObject); LocalStack does not \
              read `*`",
    },
    Explained {
        step: "ListObjectsV2*",
        field: "header x-amz-bucket-region",
        why: "neither: API_ListObjectsV2 does not name this header",
    },
    Explained {
        step: "ListParts",
        field: "body ListPartsResult.Owner.DisplayName",
        why: "LocalStack: S3 stops to return it (API_Owner, end of support notice); the kit \
              still does",
    },
    Explained {
        step: "ListParts",
        field: "body ListPartsResult.Part*",
        why: "kit: parts show the checksum they were uploaded with (API_Part)",
    },
    Explained {
        step: "CompleteMultipartUpload",
        field: "body CompleteMultipartUploadResult.Location",
        why: "neither: the URL of the object (API_CompleteMultipartUpload), by path or by host",
    },
];
