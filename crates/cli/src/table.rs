//! Rows as an Apache Parquet file.
//!
//! Whole numbers are INT64, instants TIMESTAMP in UTC microseconds, everything else UTF-8 text: amounts of credits stay
//! the decimals that they are, so nothing is rounded.

use std::io::Write;
use std::sync::Arc;

use headworks_core::record::Instant;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use crate::outcome::Failed;

type Row = Vec<(&'static str, Value)>;

/// Rows in one row group.
const GROUP: usize = 65_536;
const NUMBERS: [&str; 4] = ["record", "quantity", "hold", "grant"];
const INSTANTS: [&str; 3] = ["effective_at", "recorded_at", "rate_card_from"];

/// A table being written.
pub(crate) struct Table<W: Write + Send> {
    out: Option<W>,
    writer: Option<SerializedFileWriter<W>>,
    rows: Vec<Row>,
}

impl<W: Write + Send> Table<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out: Some(out), writer: None, rows: Vec::new() }
    }

    pub(crate) fn put(&mut self, row: Row) -> Result<(), Failed> {
        self.rows.push(row);
        if self.rows.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failed> {
        if let Some(out) = self.out.take() {
            let columns = self.rows.first().map(Vec::as_slice).unwrap_or_default();
            let fields = columns.iter().map(|(name, _)| column(name)).collect::<Result<_, _>>()?;
            let schema = Type::group_type_builder("headworks").with_fields(fields).build()?;
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            self.writer = Some(SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?);
        }
        let rows = std::mem::take(&mut self.rows);
        let (Some(writer), Some(first)) = (&mut self.writer, rows.first()) else { return Ok(()) };
        let mut group = writer.next_row_group()?;
        for (at, (name, _)) in first.iter().enumerate() {
            let cells = rows.iter().map(|row| row.get(at).map_or(&Value::Null, |(_, value)| value));
            write(&mut group, name, cells)?;
        }
        group.close()?;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), Failed> {
        self.flush()?;
        if let Some(writer) = self.writer {
            writer.close()?;
        }
        Ok(())
    }
}

fn column(name: &str) -> Result<TypePtr, Failed> {
    let (physical, logical) = if NUMBERS.contains(&name) {
        (Physical::INT64, None)
    } else if INSTANTS.contains(&name) {
        (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
    } else {
        (Physical::BYTE_ARRAY, Some(LogicalType::String))
    };
    let column = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    Ok(Arc::new(column.build()?))
}

fn write<'a, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    name: &str,
    cells: impl Iterator<Item = &'a Value> + Clone,
) -> Result<(), Failed> {
    let levels: Vec<i16> = cells.clone().map(|value| i16::from(!value.is_null())).collect();
    let filled = cells.filter(|value| !value.is_null());
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    if NUMBERS.contains(&name) || INSTANTS.contains(&name) {
        let number = |value: &Value| match value.as_str() {
            Some(text) => text.parse::<Instant>().ok().map(Instant::micros),
            None => value.as_i64(),
        };
        let numbers: Option<Vec<i64>> = filled.map(number).collect();
        let numbers = numbers.ok_or_else(|| format!("column `{name}` has a value that is no number"))?;
        column.typed::<Int64Type>().write_batch(&numbers, Some(&levels), None)?;
    } else {
        let text = |value: &Value| match value.as_str() {
            Some(text) => ByteArray::from(text),
            None => ByteArray::from(value.to_string().into_bytes()),
        };
        let texts: Vec<ByteArray> = filled.map(text).collect();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
    }
    column.close()?;
    Ok(())
}
