//! Samples and what they come to.

use std::collections::BTreeMap;

/// What was measured of one subject in one row, once a round.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn least(&self) -> f64 {
        self.quantile(0.0)
    }

    /// Between the two nearest samples.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = part * sorted.len().saturating_sub(1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        match (sorted.get(below), sorted.get(above)) {
            (Some(below), Some(above)) => below + (above - below) * place.fract(),
            _ => f64::NAN,
        }
    }
}

/// All that was measured: by row, then by subject.
#[derive(Debug, Default)]
pub struct Results {
    pub cells: BTreeMap<String, BTreeMap<String, Samples>>,
    /// Why there is nothing for a subject in a row.
    pub notes: Vec<String>,
}

impl Results {
    pub fn add(&mut self, row: &str, subject: &str, sample: f64) {
        self.cells.entry(row.to_owned()).or_default().entry(subject.to_owned()).or_default().push(sample);
    }

    pub fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            eprintln!("note: {text}");
            self.notes.push(text);
        }
    }

    pub fn get(&self, row: &str, subject: &str) -> Option<&Samples> {
        self.cells.get(row)?.get(subject)
    }
}
