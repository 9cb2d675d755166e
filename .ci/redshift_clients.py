"""What a user of Redshift's Python clients does on the first day; run by .ci/redshift-clients.

Nothing here knows of the stand-in but host, port and password: the CA comes by SSL_CERT_FILE.
"""

import datetime
import decimal
import os
import sys

ROLE = "arn:aws:iam::000000000000:role/redshift-copy"


def connect(**options):
    import redshift_connector

    return redshift_connector.connect(
        host="localhost",
        port=int(os.environ["REDSHIFT_PORT"]),
        user=os.environ["REDSHIFT_USER"],
        password=os.environ["REDSHIFT_PASSWORD"],
        database=os.environ["REDSHIFT_DATABASE"],
        **options,
    )


def expect(expected, actual):
    assert expected == actual, f"expected {expected!r}, got {actual!r}"


def bucket(name):
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name)
    return s3


def redshift_connector():
    import pandas
    import redshift_connector as driver

    connect(sslmode="verify-full").close()
    connect(ssl=False).close()
    session = connect()  # TLS, verify-ca
    cursor = session.cursor()
    cursor.execute("select version()")
    assert "Redshift 1.0." in cursor.fetchone()[0]

    cursor.execute(
        "create table sales (id int not null, note varchar(20), at timestamp, price numeric(10,2))"
        " distkey (id) sortkey (at)"
    )
    row = (1, "o'clock \\ é", datetime.datetime(2024, 1, 2, 3, 4, 5), decimal.Decimal("1.25"))
    cursor.execute("insert into sales values (%s, %s, %s, %s)", row)
    session.commit()
    cursor.executemany("insert into sales (id) values (%s)", [(number,) for number in range(5)])
    session.rollback()
    cursor.execute("select * from sales")
    expect([list(row)], [list(found) for found in cursor.fetchall()])

    expect(["sales"], [table[2] for table in cursor.get_tables(schema_pattern="public")])
    columns = cursor.get_columns(schema_pattern="public", tablename_pattern="sales")
    expect(["id", "note", "at", "price"], [column[3] for column in columns])
    cursor.execute("create table keyed (a int, b int not null, c int not null, primary key (c, b))")
    keys = cursor.get_primary_keys(schema="public", table="keyed")
    expect([("c", 1), ("b", 2)], [(key[3], key[4]) for key in keys])
    frame = pandas.DataFrame({"id": [2, 3], "note": ["a", "b"]})
    cursor.execute("create table notes (id int, note varchar(20))")
    cursor.write_dataframe(frame, "notes")
    cursor.execute("select * from notes order by id")
    expect([[2, "a"], [3, "b"]], cursor.fetch_dataframe().values.tolist())
    session.commit()

    s3 = bucket("connector-lake")
    s3.put_object(Bucket="connector-lake", Key="good/1", Body=b'{"id": 7}\n{"id": 8, "note": "x"}')
    s3.put_object(Bucket="connector-lake", Key="bad/1", Body=b'{"id": "seven"}')
    cursor.execute(f"copy notes from 's3://connector-lake/good/' iam_role '{ROLE}' json 'auto'")
    cursor.execute("select pg_last_copy_count()")
    expect(2, cursor.fetchone()[0])
    session.commit()
    try:
        cursor.execute(f"copy notes from 's3://connector-lake/bad/' iam_role '{ROLE}' json 'auto'")
        raise AssertionError("a bad file was loaded")
    except driver.ProgrammingError as error:
        expect(
            "Load into table 'notes' failed.  Check 'stl_load_errors' system table for details.",
            error.args[0]["M"],
        )
    session.rollback()
    cursor.execute("select trim(colname), err_code from stl_load_errors")
    expect([["id", 1207]], [list(found) for found in cursor.fetchall()])
    session.rollback()

    session.autocommit = True
    cursor.execute("create database second")
    other = driver.connect(
        host="localhost",
        port=int(os.environ["REDSHIFT_PORT"]),
        user="awsuser",
        password=os.environ["REDSHIFT_PASSWORD"],
        database="second",
    )
    other.cursor().execute("select 1")
    other.close()


def awswrangler():
    import awswrangler as wr
    import pandas

    session = connect()
    s3 = bucket("wrangler-lake")
    frame = pandas.DataFrame({"id": [1, 2], "name": ["a", None]})
    wr.redshift.to_sql(frame, session, table="frames", schema="public", mode="overwrite")
    wr.redshift.to_sql(frame, session, table="frames", schema="public", mode="append")
    read = wr.redshift.read_sql_query("select id from public.frames order by 1", session)
    expect([1, 1, 2, 2], read["id"].tolist())

    s3.put_object(Bucket="wrangler-lake", Key="csv/1.csv", Body=b"1,a\n2,b\n")
    for mode, count in [("overwrite", 2), ("append", 4)]:
        wr.redshift.copy_from_files(
            "s3://wrangler-lake/csv/",
            session,
            table="files",
            schema="public",
            iam_role=ROLE,
            data_format="csv",
            redshift_column_types={"id": "INTEGER", "name": "VARCHAR(10)"},
            mode=mode,
        )
        read = wr.redshift.read_sql_query("select * from public.files", session)
        expect(count, len(read))


def sqlalchemy():
    import sqlalchemy as sa

    password = os.environ["REDSHIFT_PASSWORD"]
    place = f"awsuser:{password}@localhost:{os.environ['REDSHIFT_PORT']}/dev"
    bundle = os.environ["SSL_CERT_FILE"]
    for url in [
        f"redshift+redshift_connector://{place}",
        f"redshift+psycopg2://{place}?sslmode=verify-full&sslrootcert={bundle}",
    ]:
        engine = sa.create_engine(url)
        metadata = sa.MetaData()
        table = sa.Table(
            "parents",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(20), nullable=False),
            redshift_distkey="id",
            redshift_sortkey="id",
        )
        metadata.create_all(engine)
        with engine.begin() as session:
            session.execute(table.insert(), [{"id": 1, "name": "o'clock \\ é"}])
            expect([(1, "o'clock \\ é")], [tuple(row) for row in session.execute(sa.select(table))])
        inspector = sa.inspect(engine)
        assert "parents" in inspector.get_table_names()
        columns = inspector.get_columns("parents")
        expect(["id", "name"], [column["name"] for column in columns])
        expect("VARCHAR(20)", str(columns[1]["type"]))
        sa.MetaData().reflect(engine)
        metadata.drop_all(engine)


{"redshift_connector": redshift_connector, "awswrangler": awswrangler, "sqlalchemy": sqlalchemy}[
    sys.argv[1]
]()
