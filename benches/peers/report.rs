//! The tables, as Markdown, and every figure as JSON.

use super::figures::{Results, Samples};
use super::peers::Peer;
use super::rows::{self, Row, Table, counts};
use std::fmt::Write;

pub struct Report<'a> {
    pub results: &'a Results,
    pub peers: &'a [Peer],
    pub absent: &'a [&'static str],
    pub machine: String,
    pub load: (f64, f64),
    pub seconds: u64,
}

/// With what precision a figure is worth showing.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..0.005 => "0".to_owned(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn spread(samples: &Samples) -> String {
    let median = number(samples.median());
    let (low, high) = (number(samples.quantile(0.1)), number(samples.quantile(0.9)));
    if low == high { median } else { format!("{median} ({low}–{high})") }
}

impl Report<'_> {
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Measured on {}; load average {} before and {} after; {} s.{}\n\n",
            self.machine,
            self.load.0,
            self.load.1,
            self.seconds,
            if self.load.0 > 1.0 { " The machine had other work to do." } else { "" }
        );
        let versions = self.peers.iter().map(|peer| format!("{} {}", peer.name, peer.version));
        writeln!(text, "Compared: {}.", versions.collect::<Vec<_>>().join(", ")).unwrap();
        if !self.absent.is_empty() {
            writeln!(text, "Not installed: {}.", self.absent.join(", ")).unwrap();
        }
        text += "\nMedians; in parentheses the tenth and the ninetieth of a hundred; then how many times rinit's.\n";
        for (table, title) in [(Table::One, "With one command"), (Table::Services, "With services")] {
            self.table(&mut text, table, title);
        }
        self.growth(&mut text);
        for note in &self.results.notes {
            writeln!(text, "- {note}").unwrap();
        }
        text
    }

    /// Those for whom there is a figure, `bare` first and rinit next.
    fn columns(&self, rows: &[&Row]) -> Vec<String> {
        let known = |name: &str| rows.iter().any(|row| self.results.get(&row.name, name).is_some());
        let names = ["bare", "empty"].into_iter().chain(self.peers.iter().map(|peer| peer.name));
        names.filter(|name| known(name)).map(str::to_owned).collect()
    }

    fn table(&self, text: &mut String, table: Table, title: &str) {
        let all = rows::all();
        let growth: Vec<String> = rows::GROWTH.iter().map(|count| format!(".{count}")).collect();
        let shown = |row: &&Row| {
            row.table == table
                && self.results.cells.contains_key(&row.name)
                && !growth.iter().any(|end| row.name.ends_with(end.as_str()))
        };
        let rows: Vec<&Row> = all.iter().filter(shown).collect();
        if rows.is_empty() {
            return;
        }
        let columns = self.columns(&rows);
        writeln!(text, "\n### {title}\n\n| | {} |", columns.join(" | ")).unwrap();
        writeln!(text, "|---|{}", "---|".repeat(columns.len())).unwrap();
        for row in rows {
            let unit = if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit) };
            write!(text, "| {}{unit} |", row.title).unwrap();
            let own = self.results.get(&row.name, "rinit").map(Samples::median);
            for column in &columns {
                let cell = match self.results.get(&row.name, column) {
                    Some(samples) => cell(column, samples, own),
                    None => String::new(),
                };
                write!(text, " {cell} |").unwrap();
            }
            text.push('\n');
        }
    }

    /// How rinit's figures grow.
    fn growth(&self, text: &mut String) {
        let counts: Vec<usize> = counts()
            .into_iter()
            .filter(|count| self.results.get(&format!("up.{count}"), "rinit").is_some())
            .collect();
        if counts.len() < 2 {
            return;
        }
        let heads: Vec<String> = counts.iter().map(usize::to_string).collect();
        writeln!(text, "\n### rinit, by the number of services\n\n| services | {} |", heads.join(" | "))
            .unwrap();
        writeln!(text, "|---|{}", "---:|".repeat(counts.len())).unwrap();
        for (kind, who, title) in [
            ("up", "bare", "bare loop, ms"),
            ("up", "rinit", "up, ms"),
            ("up-cpu", "rinit", "CPU of PID 1 to start one, µs"),
            ("pss", "rinit", "PSS, KiB"),
            ("rss", "rinit", "RSS, KiB"),
            ("stop", "rinit", "stop, ms"),
            ("ask", "rinit", "`rinit status NAME`, ms"),
            ("health", "rinit", "`rinit health`, ms"),
        ] {
            let figure = |count| self.results.get(&format!("{kind}.{count}"), who).map(Samples::median);
            let cells: Vec<String> =
                counts.iter().map(|count| figure(count).map(number).unwrap_or_default()).collect();
            writeln!(text, "| {title} | {} |", cells.join(" | ")).unwrap();
        }
    }

    pub fn json(&self) -> String {
        let rows: Vec<serde_json::Value> = rows::all()
            .iter()
            .filter_map(|row| Some((row, self.results.cells.get(&row.name)?)))
            .map(|(row, cells)| {
                let cells: serde_json::Map<String, serde_json::Value> =
                    cells.iter().map(|(name, samples)| (name.clone(), figures(samples))).collect();
                serde_json::json!({
                    "row": row.name, "title": row.title, "unit": row.unit, "bare": row.bare, "cells": cells
                })
            })
            .collect();
        let peers: Vec<serde_json::Value> = self
            .peers
            .iter()
            .map(|peer| serde_json::json!({ "name": peer.name, "version": peer.version }))
            .collect();
        let report = serde_json::json!({
            "machine": self.machine,
            "load": [self.load.0, self.load.1],
            "seconds": self.seconds,
            "compared": peers,
            "absent": self.absent,
            "rows": rows,
            "notes": self.results.notes,
        });
        serde_json::to_string_pretty(&report).unwrap() + "\n"
    }
}

fn cell(column: &str, samples: &Samples, own: Option<f64>) -> String {
    let text = spread(samples);
    match own {
        Some(own) if column == "rinit" => {
            format!("**{}**{}", number(own), text.trim_start_matches(&number(own)))
        }
        Some(own) if own > 0.005 => format!("{text} ×{:.2}", samples.median() / own),
        _ => text,
    }
}

fn figures(samples: &Samples) -> serde_json::Value {
    serde_json::json!({
        "samples": samples.count(),
        "least": samples.least(),
        "p10": samples.quantile(0.1),
        "median": samples.median(),
        "p90": samples.quantile(0.9),
    })
}
