//! rinit's own messages: on standard error, one line each, never waiting for a reader.

use super::settings::LogFormat;
use crate::model::text::escaped_lines;
use crate::sys::io::Stderr;
use env_logger::fmt::Formatter;
use log::{Level, LevelFilter, Record};
use std::io::{self, Write};
use std::time::SystemTime;

/// Sets the logger up. To be called once; a second call changes nothing.
pub fn start(level: LevelFilter, format: LogFormat) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).target(env_logger::Target::Pipe(Box::new(Stderr::new())));
    match format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    let _ = builder.try_init();
}

/// The service that a message is about. Its name is the record's target; a target with `::` is a module of ours.
fn service<'a>(record: &Record<'a>) -> Option<&'a str> {
    Some(record.target()).filter(|target| !target.contains("::"))
}

fn text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let level = match record.level() {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info | Level::Debug | Level::Trace => "",
    };
    let (name, colon) = service(record).map_or(("", ""), |name| (name, ": "));
    writeln!(out, "rinit: {level}{name}{colon}{}", escaped_lines(&record.args().to_string()))
}

fn json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let line = serde_json::json!({
        "time": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "level": record.level().as_str().to_ascii_lowercase(),
        "service": service(record),
        "message": escaped_lines(&record.args().to_string()),
    });
    writeln!(out, "{line}")
}
