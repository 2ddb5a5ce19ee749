"""The tables. A *blob* is content under its hash; a *node* is one message of one raw history.

A history is a chain of nodes, so a conversation of n turns stores each message once. A *head* is
the lineage hash a request ended at: the next turn finds its conversation by it. An *epoch* is a set
of decisions about a history (palimpsest/context/model.py), under the lineage hash it ends at.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)


def now_column(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def caller_column() -> Column[str]:
    return Column(
        "caller",
        Text,
        nullable=False,
        server_default="",
        comment="whose it is; empty: of all, or of the time before callers were told apart",
    )


def origin_column() -> Column[bytes]:
    return Column(
        "origin",
        LargeBinary,
        nullable=False,
        server_default=text("''"),
        comment="the line that the conversation began on",
    )


blobs = Table(
    "blobs",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("codec", SmallInteger, nullable=False, comment="0 as it is, 1 zstd"),
    Column("size", Integer, nullable=False, comment="bytes before compression"),
    Column("data", LargeBinary, nullable=False),
    now_column("touched_at"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("parent", LargeBinary, comment="the node before; null for the first message"),
    Column("message", LargeBinary, nullable=False, comment="blob"),
    Column("depth", Integer, nullable=False, comment="messages up to here, this one included"),
    now_column("touched_at"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("project", Text, nullable=False, server_default="", comment="working directory"),
    Column("token_ratio", Float, comment="real tokens over counted tokens"),
    now_column("created_at"),
    now_column("updated_at"),
)

heads = Table(
    "heads",
    metadata,
    Column("chain", LargeBinary, primary_key=True, comment="lineage through the newest message"),
    Column("conversation_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("applied_epoch", LargeBinary, comment="of what was sent; null: as it came"),
    Column("observed_epoch", LargeBinary, comment="of what would have been sent"),
    Column("session", LargeBinary, comment="hash of the client's session; null: a side line"),
    caller_column(),
    origin_column(),
    Column("history", LargeBinary, comment="the chain without its origin"),
    Column("answered", LargeBinary, comment="history through the answer to a first turn"),
    Column(
        "named",
        Boolean,
        nullable=False,
        server_default="false",
        comment="its client named a session",
    ),
    now_column("created_at"),
    Index(None, "conversation_id"),
    Index(None, "session", "created_at"),
    Index(None, "history", "origin"),
    Index(None, "answered"),
)

token_owners = Table(
    "token_owners",
    metadata,
    Column("token", LargeBinary, primary_key=True, comment="hash of an OAuth token"),
    Column("organisation", Text, nullable=False, comment="as the provider named it"),
    now_column("learned_at"),
)

epochs = Table(
    "epochs",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("chain", LargeBinary, primary_key=True, comment="lineage through the last message"),
    Column("mode", Text, primary_key=True, comment="on, or observe: never applied"),
    Column("conversation_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("cause", Text, nullable=False, comment="pressure, cold"),
    Column("tokens_before", BigInteger, nullable=False),
    Column("tokens_after", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False, comment="the decisions, zstd"),
    now_column("created_at"),
    Index(None, "conversation_id"),
)

summaries = Table(
    "summaries",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("chain", LargeBinary, primary_key=True, comment="of the epoch that it is made for"),
    Column("conversation_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("text", Text, nullable=False),
    now_column("created_at"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    caller_column(),
    Column("conversation_id", Text),
    origin_column(),
    Column("turn", Integer),
    Column("state", Text, nullable=False, comment="accepted, forwarding, ended"),
    Column("outcome", Text, comment="answered, upstream_error, broken, abandoned, failed"),
    Column("reason", Text, comment="why it did not end answered"),
    Column("model", Text, nullable=False),
    Column("stream", Boolean, nullable=False),
    now_column("accepted_at"),
    Column("ended_at", DateTime(timezone=True)),
    Column("identity", LargeBinary, comment="hash of body and credential"),
    Column("edge", Text, comment="the process whose client waits"),
    Column("owner", Text, comment="the process that may forward it"),
    Column("fence", Integer, nullable=False, server_default="0", comment="fences old owners"),
    Column("client_gone", Boolean, nullable=False, server_default="false"),
    Column("delivered_at", DateTime(timezone=True), comment="the whole answer was received"),
    # what came in
    Column("target", Text, nullable=False, comment="path and query string, secrets taken out"),
    Column("headers", JSONB, nullable=False, comment="pairs, secrets taken out"),
    Column("body_bytes", Integer, nullable=False),
    Column("message_count", Integer, nullable=False),
    Column("skeleton", LargeBinary, nullable=False, comment="the body without parts and messages"),
    Column("parts", ARRAY(LargeBinary), nullable=False, comment="blobs: system blocks, tools"),
    Column("node", LargeBinary, nullable=False, comment="the newest message's node"),
    # what the model saw of it
    Column("context_mode", Text, comment="off, observe, on"),
    Column("applied_epoch", LargeBinary, comment="chain; null: sent as it came"),
    Column("observed_epoch", LargeBinary, comment="chain of one that was not applied"),
    Column("original_tokens", BigInteger, comment="prompt as it came, estimated"),
    Column("context_tokens", BigInteger, comment="prompt as it was sent, estimated"),
    # what went out
    Column("status", Integer),
    Column("response_headers", JSONB),
    Column("response", LargeBinary, comment="blob"),
    Column("response_bytes", BigInteger),
    Column("stop_reason", Text),
    Column("counted_tokens", BigInteger, comment="prompt, by our own count"),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("usage_estimated", Boolean, nullable=False, server_default="false"),
    # milliseconds
    Column("accept_ms", Float),
    Column("query_ms", Float),
    Column("rewrite_ms", Float),
    Column("overhead_ms", Float, comment="ours, from the whole request read to the dial"),
    Column("upstream_first_byte_ms", Float),
    Column("first_byte_ms", Float),
    Column("total_ms", Float),
    Index(None, "accepted_at"),
    Index(None, "conversation_id"),
    Index("ix_requests_open", "accepted_at", postgresql_where="state <> 'ended'"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column(
        "kind", Text, primary_key=True, server_default="answer", comment="answer, summary of a cut"
    ),
    Column("number", Integer, primary_key=True, comment="from 1, of each kind"),
    Column("owner", Text, nullable=False, comment="the process that called"),
    now_column("sent_at"),
    Column("closed_at", DateTime(timezone=True)),
    Column("status", Integer),
    Column("outcome", Text, comment="answered, upstream_error, unreachable, broken, abandoned"),
    Column("bytes", BigInteger),
    Column("reason", Text),
    Column("usage", JSONB, comment="tokens, as reported or estimated"),
)

claims = Table(
    "claims",
    metadata,
    Column("fingerprint", LargeBinary, primary_key=True, comment="body, credential, session"),
    Column("request_id", Text, nullable=False),
    Column(
        "keyed", Boolean, nullable=False, comment="by the client's own key: kept after delivery"
    ),
    now_column("created_at"),
    Index(None, "request_id"),
)

journal = Table(
    "journal",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("fence", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True, comment="bytes of the answer before these"),
    Column("data", LargeBinary, nullable=False),
)

vault = Table(
    "vault",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False, comment="the headers, encrypted"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index(None, "expires_at"),
)

processes = Table(
    "processes",
    metadata,
    Column("owner", Text, primary_key=True),
    now_column("beat_at"),
)
