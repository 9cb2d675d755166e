//! Which records of the relay a statement looks at, known by the names it uses.

/// A set of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SystemReads(u8);

impl SystemReads {
    pub(crate) const NOTHING: Self = Self(0);
    pub(crate) const LOAD_ERRORS: Self = Self(1);
    pub(crate) const COPIES: Self = Self(2);
    pub(crate) const QUERIES: Self = Self(4);
    /// What `pg_last_copy_count()` and its like return.
    pub(crate) const SESSION: Self = Self(8);

    pub(crate) const TRANSACTIONS: Self = Self(16);
    pub(crate) const EVERYTHING: Self = Self(31);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::NOTHING
    }
}

/// The relations and functions of `catalog` that show the relay's records.
pub(crate) const SYSTEM_NAMES: &[(&str, SystemReads)] = &[
    ("stl_load_errors", SystemReads::LOAD_ERRORS),
    ("stl_analyze_compression", SystemReads::COPIES),
    ("sys_analyze_compression_history", SystemReads::COPIES),
    ("stl_file_scan", SystemReads::COPIES),
    ("stl_insert", SystemReads::COPIES.and(SystemReads::QUERIES)),
    ("stl_s3client", SystemReads::COPIES),
    ("stl_wlm_query", SystemReads::QUERIES),
    ("stv_load_state", SystemReads::COPIES),
    ("stv_recents", SystemReads::QUERIES),
    ("svl_qlog", SystemReads::QUERIES),
    ("svl_statementtext", SystemReads::QUERIES),
    ("sys_query_detail", SystemReads::COPIES.and(SystemReads::QUERIES)),
    ("sys_query_history", SystemReads::QUERIES),
    ("sys_query_text", SystemReads::QUERIES),
    ("stl_loaderror_detail", SystemReads::LOAD_ERRORS),
    ("stl_load_commits", SystemReads::COPIES),
    ("stl_query", SystemReads::QUERIES),
    ("stl_querytext", SystemReads::QUERIES),
    ("stl_replacements", SystemReads::COPIES),
    ("sys_copy_replacements", SystemReads::COPIES),
    ("sys_load_detail", SystemReads::COPIES),
    ("sys_load_error_detail", SystemReads::COPIES.and(SystemReads::LOAD_ERRORS)),
    ("sys_load_history", SystemReads::COPIES),
    ("sys_transaction_history", SystemReads::TRANSACTIONS),
    ("stl_tr_conflict", SystemReads::TRANSACTIONS),
    ("stl_utilitytext", SystemReads::TRANSACTIONS),
    ("pg_last_copy_count", SystemReads::SESSION),
    ("pg_last_copy_id", SystemReads::SESSION),
    ("pg_last_query_id", SystemReads::SESSION),
];
