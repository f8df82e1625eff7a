//! How a statement reaches a database and how its rows are read: parameters, rows and transactions
//! that hide which database it is. It knows no table.

use crate::error::StoreError;
use crate::postgres::{self, PostgresTx};
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Decode, Row as _, Type};

/// One value bound to a statement. `None` is NULL.
pub(crate) enum Param {
    Int(Option<i64>),
    Real(f64),
    Bool(Option<bool>),
    Text(Option<String>),
    /// Text that may have a NUL in it: PostgreSQL keeps it as bytes, since its texts cannot.
    Key(String),
    Blob(Vec<u8>),
    OptionalBlob(Option<Vec<u8>>),
}

macro_rules! param_from {
    ($($from:ty => |$value:ident| $param:expr;)+) => {
        $(impl From<$from> for Param {
            fn from($value: $from) -> Self {
                $param
            }
        })+
    };
}

param_from! {
    i64 => |value| Self::Int(Some(value));
    u32 => |value| Self::Int(Some(value.into()));
    Option<i64> => |value| Self::Int(value);
    f64 => |value| Self::Real(value);
    bool => |value| Self::Bool(Some(value));
    Option<bool> => |value| Self::Bool(value);
    &str => |value| Self::Text(Some(value.to_owned()));
    String => |value| Self::Text(Some(value));
    Option<String> => |value| Self::Text(value);
    &[u8] => |value| Self::Blob(value.to_vec());
    [u8; 32] => |value| Self::Blob(value.to_vec());
}

/// The parameters of a statement, in the order of `$1`, `$2`, ….
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Param::from($value)),*] };
}
pub(crate) use params;

/// One transaction. Dropped without [`Tx::commit`] it changes nothing.
pub(crate) enum Tx {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(PostgresTx),
}

impl Tx {
    /// Runs a statement to its end and returns its rows.
    pub(crate) async fn all(
        &mut self,
        sql: &'static str,
        params: Vec<Param>,
    ) -> Result<Vec<Row>, StoreError> {
        refuse_nul(&params)?;
        match self {
            Self::Sqlite(tx) => {
                let rows = sqlite_query(sql, params).fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(tx) => {
                let rows = tx.all(postgres_query(sql, params)).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Like [`Tx::all`] for statements with at most one row.
    pub(crate) async fn first(
        &mut self,
        sql: &'static str,
        params: Vec<Param>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }

    /// Tells other processes, once it is durable, that there is something new; where the database cannot, they find
    /// out by themselves.
    pub(crate) async fn tell_others(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.all(postgres::NOTIFY, Vec::new()).await.map(drop),
        }
    }

    /// Makes everything since the start durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => Ok(tx.commit().await?),
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// One of the databases cannot keep it, so none takes it.
fn refuse_nul(params: &[Param]) -> Result<(), StoreError> {
    let has_nul = |param: &Param| match param {
        Param::Text(Some(text)) => text.contains('\0'),
        _ => false,
    };
    match params.iter().any(has_nul) {
        false => Ok(()),
        true => Err(StoreError::invalid("text", &["a text must not have the character U+0000"])),
    }
}

fn sqlite_query(sql: &'static str, params: Vec<Param>) -> Query<'static, Sqlite, SqliteArguments> {
    params.into_iter().fold(sqlx::query(sql), |query, param| match param {
        Param::Int(value) => query.bind(value),
        Param::Real(value) => query.bind(value),
        Param::Bool(value) => query.bind(value),
        Param::Text(value) => query.bind(value),
        Param::Key(value) => query.bind(value),
        Param::Blob(value) => query.bind(value),
        Param::OptionalBlob(value) => query.bind(value),
    })
}

/// Statements are prepared without a name and for one use: a pooler may give each transaction another
/// session, and a plan that was kept would fail once another process changes the schema.
fn postgres_query(sql: &'static str, params: Vec<Param>) -> Query<'static, Postgres, PgArguments> {
    params.into_iter().fold(sqlx::query(sql).persistent(false), |query, param| match param {
        Param::Int(value) => query.bind(value),
        Param::Real(value) => query.bind(value),
        Param::Bool(value) => query.bind(value),
        Param::Text(value) => query.bind(value),
        Param::Key(value) => query.bind(value.into_bytes()),
        Param::Blob(value) => query.bind(value),
        Param::OptionalBlob(value) => query.bind(value),
    })
}

/// What every database we know can give.
pub(crate) trait Value<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Value<'r> for T where
    T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

/// One row of a result.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// Reads the row as a `what`, which errors will name.
    pub(crate) fn of(&self, what: &'static str) -> Fields<'_> {
        Fields { row: self, what, number: "id" }
    }

    /// Reads the row as what belongs to another one, by whose number, which is in this field, errors will name it.
    pub(crate) fn of_its(&self, what: &'static str, number: &'static str) -> Fields<'_> {
        Fields { row: self, what, number }
    }

    fn value<'r, T: Value<'r>>(&'r self, field: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(field),
            Self::Postgres(row) => row.try_get(field),
        }
    }
}

/// The fields of one row, by name.
pub(crate) struct Fields<'r> {
    row: &'r Row,
    what: &'static str,
    /// The field with its number.
    number: &'static str,
}

impl<'r> Fields<'r> {
    /// A value as the database has it.
    pub(crate) fn get<T: Value<'r>>(&self, field: &'static str) -> Result<T, StoreError> {
        self.row.value(field).map_err(|e| self.damaged(field, e))
    }

    /// A whole number that must fit `N`.
    pub(crate) fn number<N: TryFrom<i64>>(&self, field: &'static str) -> Result<N, StoreError> {
        let number: i64 = self.get(field)?;
        N::try_from(number)
            .map_err(|_| self.damaged(field, format!("{number} is outside the allowed range")))
    }

    /// A value that is stored as JSON text.
    pub(crate) fn json<T: DeserializeOwned>(&self, field: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.get(field)?).map_err(|e| self.damaged(field, e))
    }

    /// What was bound as [`Param::Key`].
    pub(crate) fn key(&self, field: &'static str) -> Result<String, StoreError> {
        let bytes: Vec<u8> = self.get(field)?;
        String::from_utf8(bytes).map_err(|e| self.damaged(field, e))
    }

    /// Thirty-two bytes.
    pub(crate) fn hash(&self, field: &'static str) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.get(field)?;
        bytes.try_into().map_err(|e| self.damaged(field, e))
    }

    /// A text that must be one of those that `parse` knows.
    pub(crate) fn word<N>(
        &self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Option<N>,
    ) -> Result<N, StoreError> {
        let text: &str = self.get(field)?;
        parse(text).ok_or_else(|| self.damaged(field, format!("{text:?} is unknown")))
    }

    /// The same for a text that may be missing.
    pub(crate) fn optional_word<N>(
        &self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Option<N>,
    ) -> Result<Option<N>, StoreError> {
        let text: Option<&str> = self.get(field)?;
        text.map(|_| self.word(field, parse)).transpose()
    }

    pub(crate) fn damaged(
        &self,
        field: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        let id = self.row.value(self.number).unwrap_or_default();
        StoreError::Damaged { what: self.what, id, field, source: source.into() }
    }
}

/// Writes a value as JSON text.
pub(crate) fn json_text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps with text keys and lists of texts are always JSON")
}
