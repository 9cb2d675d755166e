"""The consumer that the prototype's description asks for, as the thing to be compared with.

Receives ten messages with a long poll, deletes each, keeps its event in memory, and after so many
polls puts them into the bucket as one JSON array. Prints what it took, without its own start.
"""

import json
import sys
import time
import uuid

import boto3


def consume(queue, bucket, polling_timeout, polling_cycles, message_count):
    received = 0
    while received < message_count:
        events = []
        for _ in range(polling_cycles):
            messages = queue.receive_messages(
                MaxNumberOfMessages=10, WaitTimeSeconds=polling_timeout
            )
            for message in messages:
                received += 1
                try:
                    events.append(json.loads(message.body))
                except ValueError:
                    print("malformed event left in the queue", file=sys.stderr)
                    continue
                message.delete()
            if message_count <= received:
                break
        if events:
            key = f"prototype/{time.strftime('%Y%m%d/%H%M%S')}-{uuid.uuid4()}.json"
            bucket.put_object(Key=key, Body=json.dumps(events))
    return received


def main():
    queue_name, bucket_name, polling_timeout, polling_cycles, message_count = sys.argv[1:]
    queue = boto3.resource("sqs").get_queue_by_name(QueueName=queue_name)
    bucket = boto3.resource("s3").Bucket(bucket_name)
    started_at, cpu_at = time.monotonic(), time.process_time()
    received = consume(
        queue, bucket, int(polling_timeout), int(polling_cycles), int(message_count)
    )
    seconds, cpu_seconds = time.monotonic() - started_at, time.process_time() - cpu_at
    print(json.dumps({"received": received, "seconds": seconds, "cpu_seconds": cpu_seconds}))


main()
