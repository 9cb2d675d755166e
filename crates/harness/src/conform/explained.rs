//! Why the kit and LocalStack differ where they do, and which page of AWS's says who is right.
//!
//! Every step and every field is named as it is: a pattern would also explain what nobody has looked
//! at. The two values that are meant stand in `differences.txt`.

/// Differences that are meant to be, of the same kind: each of these fields in each of these steps.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) steps: &'static [&'static str],
    pub(super) fields: &'static [&'static str],
    /// Who is right, and the page.
    pub(super) why: &'static str,
}

impl Explained {
    pub(super) fn covers(&self, step: &str, field: &str) -> bool {
        self.steps.contains(&step) && self.fields.contains(&field)
    }

    /// Step and field of every difference.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.steps.iter().flat_map(|step| self.fields.iter().map(move |field| (*step, *field)))
    }
}

pub(super) const EXPLAINED: &[Explained] = &[
    Explained {
        steps: &["CreateQueue: with attributes", "CreateQueue: the same again", "GetQueueUrl"],
        fields: &["body.QueueUrl"],
        why: "neither: a queue URL is opaque (SQS Developer Guide, 'Queue and message \
             identifiers'); the kit writes AWS's own form",
    },
    Explained {
        steps: &[
            "CreateQueue: with other attributes",
            "CreateQueue: a bad name",
            "GetQueueUrl: of none",
            "DeleteMessage: no handle of SQS",
            "ReceiveMessage: eleven",
            "ReceiveMessage: of no queue",
            "SendMessage: an empty body",
            "SendMessageBatch: an id twice",
            "SendMessageBatch: empty",
        ],
        fields: &["body.__type"],
        why: "kit: the type is written with its namespace ('Making Query API requests using AWS \
             JSON protocol', error example)",
    },
    Explained {
        steps: &[
            "CreateQueue: with other attributes",
            "CreateQueue: a bad name",
            "GetQueueUrl: of none",
            "DeleteMessage: no handle of SQS",
            "ReceiveMessage: eleven",
            "ReceiveMessage: of no queue",
            "SendMessage: an empty body",
            "SendMessageBatch: an id twice",
            "SendMessageBatch: empty",
        ],
        fields: &["header content-type"],
        why: "kit: errors of AWS JSON 1.0 are application/x-amz-json-1.0, as successes are \
             ('Making Query API requests using AWS JSON protocol')",
    },
    Explained {
        steps: &[
            "CreateQueue: with other attributes",
            "CreateQueue: a bad name",
            "GetQueueUrl: of none",
            "DeleteMessage: no handle of SQS",
            "ReceiveMessage: eleven",
            "ReceiveMessage: of no queue",
            "SendMessage: an empty body",
            "SendMessageBatch: an id twice",
            "SendMessageBatch: empty",
        ],
        fields: &["header x-amzn-errortype"],
        why: "kit: SQS names the error in __type and x-amzn-query-error ('Making Query API \
             requests using AWS JSON protocol')",
    },
    Explained {
        steps: &["CreateQueue: a bad name"],
        fields: &["body.message"],
        why: "neither: API_CreateQueue gives the rule, not the sentence",
    },
    Explained {
        steps: &["ChangeMessageVisibility: too long"],
        fields: &["body.__type", "body.message", "header x-amzn-query-error", "status"],
        why: "kit: VisibilityTimeout is 0 to 43200 (API_ChangeMessageVisibility); LocalStack takes \
             43201",
    },
    Explained {
        steps: &["SendMessageBatch: one good, one bad"],
        fields: &[
            "body.Failed.0.Code",
            "body.Failed.0.Id",
            "body.Failed.0.Message",
            "body.Failed.0.SenderFault",
            "body.Successful.1.Id",
            "body.Successful.1.MD5OfMessageBody",
            "body.Successful.1.MessageId",
        ],
        why: "kit: DelaySeconds is 0 to 900 (API_SendMessageBatchRequestEntry); LocalStack takes \
             901",
    },
    Explained {
        steps: &["SendMessageBatch: an id twice", "SendMessageBatch: empty"],
        fields: &["body.message"],
        why: "kit: LocalStack says no reason (API_SendMessageBatch, Errors)",
    },
    Explained {
        steps: &[
            "ChangeMessageVisibilityBatch: one good, one bad",
            "DeleteMessageBatch: one good, one bad",
        ],
        fields: &["body.Failed.0.SenderFault"],
        why: "kit: a handle that is none is the caller's fault (API_BatchResultErrorEntry)",
    },
    Explained {
        steps: &["SetQueueAttributes: a bad value"],
        fields: &["body.__type", "body.message", "header x-amzn-query-error", "status"],
        why: "kit: DelaySeconds is 0 to 900 (API_SetQueueAttributes); LocalStack takes 901",
    },
    Explained {
        steps: &["PurgeQueue: again at once"],
        fields: &["body.__type", "body.message", "header x-amzn-query-error", "status"],
        why: "kit: PurgeQueueInProgress within 60 seconds (API_PurgeQueue)",
    },
    Explained {
        steps: &["CreateBucket"],
        fields: &["header x-amz-bucket-arn"],
        why: "kit: for directory buckets only (API_CreateBucket, Response Elements)",
    },
    Explained {
        steps: &[
            "CreateBucket: again",
            "CreateBucket: a bad name",
            "PutObject: only if there is none",
            "PutObject: into no bucket",
            "GetObject: a range beyond the end",
            "GetObject: of none",
            "CopyObject: of none",
            "ListObjectsV2: of no bucket",
            "AbortMultipartUpload: of none",
            "UploadPartCopy: of no such key",
        ],
        fields: &["body Error.HostId"],
        why: "kit: an error has RequestId and HostId, which support asks for (S3 User Guide, \
             'Getting Amazon S3 request IDs for AWS Support')",
    },
    Explained {
        steps: &["HeadBucket"],
        fields: &["header content-type"],
        why: "neither: API_HeadBucket names no content type for an answer without a body",
    },
    Explained {
        steps: &["HeadBucket"],
        fields: &["header x-amz-bucket-arn"],
        why: "kit: for directory buckets only (API_HeadBucket, Response Elements)",
    },
    Explained {
        steps: &["GetObject: only if it is another"],
        fields: &[
            "body",
            "header accept-ranges",
            "header content-type",
            "header x-amz-checksum-crc32",
            "header x-amz-checksum-type",
            "header x-amz-server-side-encryption",
            "status",
        ],
        why: "kit: If-None-Match that matches answers 304 (API_GetObject); LocalStack does not \
             read `*`",
    },
    Explained {
        steps: &[
            "ListObjectsV2: a prefix",
            "ListObjectsV2: folders",
            "ListObjectsV2: a page of one",
            "ListObjectsV2: the next page",
            "ListObjectsV2: nothing there",
        ],
        fields: &["header x-amz-bucket-region"],
        why: "neither: API_ListObjectsV2 does not name this header",
    },
    Explained {
        steps: &["ListParts"],
        fields: &["body ListPartsResult.Owner.DisplayName"],
        why: "LocalStack: S3 stops to return it (API_Owner, end of support notice); the kit still \
             does",
    },
    Explained {
        steps: &["CompleteMultipartUpload"],
        fields: &["body CompleteMultipartUploadResult.Location"],
        why: "neither: the URL of the object (API_CompleteMultipartUpload), by path or by host",
    },
];
