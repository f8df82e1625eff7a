//! What PostgreSQL's error codes (SQLSTATE) mean for an operator.

/// A server that has become a standby, or is one: its connections are no good for writes.
pub(crate) const READ_ONLY: &str = "25006";

/// Words for a code; for most of a class the same.
pub(super) fn problem(code: &str) -> &'static str {
    match code {
        "28P01" | "28000" => {
            "the server lets this user not in; check user, password, sslmode and the server's pg_hba.conf"
        }
        "3D000" => "there is no such database; create it, or name another",
        "3F000" => {
            "its search path names no schema that exists; create the schema, or name another"
        }
        "42501" => {
            "permission denied; let this user own the database, or a schema that its search path names"
        }
        "53300" => {
            "the server has too many connections; raise its max_connections, or end other programs"
        }
        "53100" => "the server's disk is full; free some space",
        READ_ONLY => "it is read-only, as a standby is; name the primary server",
        "40001" | "40P01" => "another transaction was in the way; try again",
        "55P03" => "another process keeps it locked; end that process or try again",
        "57014" => "a statement took too long; try again, and check the server's load",
        "25P03" => "a transaction was idle for too long; try again, and check this machine's load",
        "57P01" | "57P02" | "57P03" | "57P05" => {
            "the server is starting or shutting down; try again in a moment"
        }
        "42P01" | "42703" => {
            "its tables are not those that were there at the start; restore them, or restart the program"
        }
        _ => match code.get(..2) {
            Some("08") => {
                "the connection was lost; try again, and check the server where it stays so"
            }
            Some("53") => "the server is short of resources; check its memory and its disk",
            Some("58") => "the server cannot read or write its files; check its disk",
            Some("XX") => "the server is damaged; check its log, or restore a backup",
            _ => "it refused the request unexpectedly; the log tells more",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn what_an_operator_can_mend_has_words_of_its_own() {
        let unknown = problem("22012");
        for code in
            ["28P01", "3D000", "42501", "53300", "25006", "40P01", "55P03", "57P01", "08006"]
        {
            assert_ne!(problem(code), unknown, "{code}");
        }
        assert_eq!(problem(""), unknown);
        assert_eq!(problem("ü"), unknown);
    }
}
