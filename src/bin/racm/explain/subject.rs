//! What maps are of: for people, and in reports.

use racm::{Explanation, Target};
use serde_json::{Value, json};

use crate::numbers::short;

/// A class for people: its name if there is one. One that is all that the model says needs no number.
pub fn class(names: &[String], class: usize, outputs: Option<usize>) -> String {
    match (names.get(class), outputs) {
        (Some(name), Some(1)) => name.clone(),
        (None, Some(1)) => String::new(),
        (Some(name), _) => format!("class {class} ({name})"),
        (None, _) => format!("class {class}"),
    }
}

/// A name that may be empty, and a score.
pub fn with_score(name: &str, quantity: Option<&str>, score: &str) -> String {
    let comma = if name.is_empty() { "" } else { ", " };
    match quantity {
        Some(quantity) => format!("{name}{comma}{quantity}: {score}"),
        None => format!("{name}{comma}score {score}"),
    }
}

/// What one map is of: a class, or a sum of scores.
pub struct Subject {
    /// In words; empty where the model gives one score.
    name: String,
    is_sum: bool,
    terms: Vec<Term>,
}

struct Term {
    weight: f64,
    class: usize,
    name: Option<String>,
    /// Of the unmasked image.
    score: f32,
}

impl Subject {
    /// Those of all maps, in order.
    pub fn all(names: &[String], explanation: &Explanation) -> Vec<Self> {
        let classes = explanation.targets().into_iter();
        let terms = classes.zip(explanation.unmasked_scores());
        let term = |(class, &score): (usize, &f32)| Term {
            weight: 1.0,
            class,
            name: names.get(class).cloned(),
            score,
        };
        let mut terms: Vec<Term> = terms.map(term).collect();
        let outputs = explanation.ledger().model_outputs();
        let Target::Sum(sum) = explanation.target() else {
            let alone = |term: Term| Subject {
                name: class(names, term.class, outputs),
                is_sum: false,
                terms: vec![term],
            };
            return terms.into_iter().map(alone).collect();
        };
        for (term, (weight, _)) in terms.iter_mut().zip(sum) {
            term.weight = *weight;
        }
        vec![Subject {
            name: sum_name(&terms),
            is_sum: true,
            terms,
        }]
    }

    /// What it is, and its score: `class 3 (stop), score 0.930`, or `stop rather than yield, score 0.930 - 0.040`.
    pub fn text(&self, quantity: Option<&str>, digits: usize) -> String {
        let score = match self.is_sum {
            false => short(self.terms[0].score.into(), digits),
            true => sum(&self.terms, |term| {
                let score = short(term.score.into(), digits);
                match term.score < 0.0 {
                    true => format!("({score})"),
                    false => score,
                }
            }),
        };
        with_score(&self.name, quantity, &score)
    }

    /// The same in numbers.
    pub fn report(&self) -> Value {
        let entry =
            |term: &Term| json!({"class": term.class, "name": term.name, "score": term.score});
        if !self.is_sum {
            return entry(&self.terms[0]);
        }
        let weighted = |term: &Term| {
            let mut entry = entry(term);
            entry["weight"] = json!(term.weight);
            entry
        };
        let score = self.terms.iter().map(|t| t.weight * f64::from(t.score));
        json!({
            "sum": self.terms.iter().map(weighted).collect::<Vec<_>>(),
            "name": self.name,
            "score": score.sum::<f64>(),
        })
    }
}

/// `stop rather than yield`, or `0.5 x stop + 0.5 x yield - ahead`.
fn sum_name(terms: &[Term]) -> String {
    let name = |term: &Term| {
        let name = term.name.as_ref().filter(|name| !name.trim().is_empty());
        // Two classes may have the same name.
        let alone = terms.iter().filter(|t| t.name == term.name).count() == 1;
        match name {
            Some(name) if alone => name.clone(),
            Some(name) => format!("class {} ({name})", term.class),
            None => format!("class {}", term.class),
        }
    };
    match terms {
        [a, b] if (a.weight, b.weight) == (1.0, -1.0) => {
            format!("{} rather than {}", name(a), name(b))
        }
        _ => sum(terms, name),
    }
}

/// The terms with their signs and weights between them.
fn sum(terms: &[Term], text: impl Fn(&Term) -> String) -> String {
    let mut sum = String::new();
    for (i, term) in terms.iter().enumerate() {
        sum += match (i, term.weight < 0.0) {
            (0, false) => "",
            (0, true) => "-",
            (_, false) => " + ",
            (_, true) => " - ",
        };
        if term.weight.abs() != 1.0 {
            sum += &format!("{} x ", term.weight.abs());
        }
        sum += &text(term);
    }
    sum
}
