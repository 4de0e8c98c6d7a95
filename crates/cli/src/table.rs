//! Cells of typed columns, and rows as an Apache Parquet file.
//!
//! Whole numbers are INT64, amounts DECIMAL(38, 9), instants TIMESTAMP in UTC microseconds, flags BOOLEAN, everything else
//! UTF-8 text. Nothing is rounded.
//! Units: amounts in billionths.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use headworks_audit::reconcile::Totals;
use headworks_core::record::Instant;
use headworks_terminal::Failed;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Value, json};

/// Rows in one row group.
const GROUP: usize = 65_536;
/// Digits of a decimal in 16 bytes, and those of them after the point.
const PRECISION: i32 = 38;
const SCALE: i32 = 9;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Amount,
    Moment,
    Flag,
}

/// A value, or none.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Null,
    Text(String),
    /// An object; text but in JSON.
    Json(Value),
    Number(i64),
    /// In billionths.
    Amount(i128),
    Moment(Instant),
    Flag(bool),
}

/// A column: its name, and what its cells are.
pub(crate) type Column = (&'static str, Kind);

/// As many cells as the table has columns.
pub(crate) type Row = Vec<Cell>;

impl Cell {
    pub(crate) fn text(text: impl fmt::Display) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn maybe(text: Option<impl fmt::Display>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// As JSON says it: amounts are decimals in quotes.
    pub(crate) fn into_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::String(text),
            Self::Json(value) => value,
            Self::Number(n) => json!(n),
            Self::Amount(nano) => Value::String(Totals::text(nano)),
            Self::Moment(at) => json!(at),
            Self::Flag(flag) => Value::Bool(flag),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Json(value) => value.fmt(f),
            Self::Number(n) => n.fmt(f),
            Self::Amount(nano) => f.write_str(&Totals::text(*nano)),
            Self::Moment(at) => at.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

/// A table being written.
pub(crate) struct Table<W: Write + Send> {
    columns: Vec<Column>,
    writer: SerializedFileWriter<W>,
    rows: Vec<Row>,
}

impl<W: Write + Send> Table<W> {
    pub(crate) fn new(columns: Vec<Column>, out: W) -> Result<Self, Failed> {
        let fields = columns.iter().map(|(name, kind)| field(name, *kind)).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("headworks").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { columns, writer, rows: Vec::new() })
    }

    pub(crate) fn put(&mut self, row: Row) -> Result<(), Failed> {
        self.rows.push(row);
        if self.rows.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failed> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (at, (name, kind)) in self.columns.iter().enumerate() {
            write(&mut group, name, *kind, rows.iter().filter_map(|row| row.get(at)))?;
        }
        group.close()?;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), Failed> {
        self.flush()?;
        self.writer.close()?;
        Ok(())
    }
}

fn field(name: &str, kind: Kind) -> Result<TypePtr, Failed> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Number => (Physical::INT64, None),
        Kind::Amount => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(SCALE, PRECISION))),
        Kind::Moment => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Flag => (Physical::BOOLEAN, None),
    };
    let mut field = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    if kind == Kind::Amount {
        field = field.with_length(16).with_precision(PRECISION).with_scale(SCALE);
    }
    Ok(Arc::new(field.build()?))
}

fn write<'a, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    name: &str,
    kind: Kind,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> Result<(), Failed> {
    let levels: Vec<i16> = cells.clone().map(|cell| i16::from(!matches!(cell, Cell::Null))).collect();
    let filled = cells.filter(|cell| !matches!(cell, Cell::Null));
    let wrong = || format!("column `{name}` has a value that is no {kind:?}");
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    match kind {
        Kind::Text => {
            let texts: Vec<ByteArray> =
                filled.map(|cell| ByteArray::from(cell.to_string().into_bytes())).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
        }
        Kind::Number | Kind::Moment => {
            let number = |cell: &Cell| match cell {
                Cell::Number(n) => Some(*n),
                Cell::Moment(at) => Some(at.micros()),
                Cell::Null | Cell::Text(_) | Cell::Json(_) | Cell::Amount(_) | Cell::Flag(_) => None,
            };
            let numbers: Option<Vec<i64>> = filled.map(number).collect();
            let numbers = numbers.ok_or_else(wrong)?;
            column.typed::<Int64Type>().write_batch(&numbers, Some(&levels), None)?;
        }
        Kind::Amount => {
            let amount = |cell: &Cell| match cell {
                Cell::Amount(nano) => {
                    Some(FixedLenByteArray::from(ByteArray::from(nano.to_be_bytes().to_vec())))
                }
                Cell::Null
                | Cell::Text(_)
                | Cell::Json(_)
                | Cell::Number(_)
                | Cell::Moment(_)
                | Cell::Flag(_) => None,
            };
            let amounts: Option<Vec<FixedLenByteArray>> = filled.map(amount).collect();
            let amounts = amounts.ok_or_else(wrong)?;
            column.typed::<FixedLenByteArrayType>().write_batch(&amounts, Some(&levels), None)?;
        }
        Kind::Flag => {
            let flags: Vec<bool> = filled.map(|cell| matches!(cell, Cell::Flag(true))).collect();
            column.typed::<BoolType>().write_batch(&flags, Some(&levels), None)?;
        }
    }
    column.close()?;
    Ok(())
}
