//! A whole forward pass of an encoder in integers: a list of steps over numbered buffers, run in one call.
//!
//! A program is immutable, so that threads share it; each caller has an arena of its own.

use crate::integer_steps::{
    Columns, Function, IntegerLinear, Norm, Table, Target, Term, attention, integer_linear, sum_rows,
};
use crate::linear;
use crate::quantize::ByteGrid;
use std::mem::take;
use std::ops::Range;
use std::time::Instant;

/// Where the rows of a step go.
pub struct Sink {
    pub width: usize,
    pub floats: Option<usize>,
    pub bytes: Option<ByteSink>,
}

/// A buffer of bytes, and the site to name when a value for it is not finite.
pub struct ByteSink {
    pub buffer: usize,
    pub grid: ByteGrid,
    pub site: u32,
}

pub enum TermOf {
    Table { table: usize, indices: usize },
    Floats { buffer: usize },
    FirstTokens { buffer: usize },
}

/// Columns of a buffer of floats, from `first` on.
pub struct Part {
    pub buffer: usize,
    pub first: usize,
    pub step: usize,
}

pub enum Kind {
    SumRows {
        terms: Vec<TermOf>,
        /// Which floats gamma and beta are, and epsilon.
        norm: Option<(usize, usize, f32)>,
        function: Function,
    },
    IntegerLinear {
        x: usize,
        linear: usize,
        function: Function,
    },
    FloatLinear {
        x: usize,
        weight: usize,
        bias: usize,
    },
    Attention {
        parts: [Part; 3],
        heads: usize,
    },
}

/// The names of the kinds, in the order in which time is counted.
pub const KINDS: [&str; 4] = ["sumRows", "integerLinear", "floatLinear", "attention"];

pub struct Step {
    pub kind: Kind,
    /// One row a sequence, not one a token.
    pub per_sequence: bool,
    pub out: Sink,
}

pub struct Program {
    pub steps: Vec<Step>,
    pub linears: Vec<IntegerLinear>,
    pub tables: Vec<Table>,
    pub floats: Vec<Vec<f32>>,
    /// The widths of the buffers of floats and of bytes.
    pub float_widths: Vec<usize>,
    pub byte_widths: Vec<usize>,
}

/// The buffers of one caller, which grow to the largest batch that it ran.
#[derive(Default)]
pub struct Arena {
    floats: Vec<Vec<f32>>,
    bytes: Vec<Vec<u8>>,
    /// The rows of each sequence that has any, longest first.
    sequences: Vec<Range<usize>>,
    /// What each kind of step has taken.
    pub seconds: [f64; KINDS.len()],
}

impl Arena {
    fn fit(&mut self, program: &Program, offsets: &[i32]) -> usize {
        let tokens = offsets.last().map_or(0, |&last| last as usize);
        let rows = tokens.max(offsets.len() - 1);
        grow(&mut self.floats, &program.float_widths, rows);
        grow(&mut self.bytes, &program.byte_widths, rows);
        self.sequences.clear();
        let ranges = offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
        self.sequences.extend(ranges.filter(|range| !range.is_empty()));
        self.sequences
            .sort_unstable_by_key(|rows| (std::cmp::Reverse(rows.len()), rows.start));
        tokens
    }

    pub fn size_in_bytes(&self) -> usize {
        let floats: usize = self.floats.iter().map(|buffer| 4 * buffer.capacity()).sum();
        floats + self.bytes.iter().map(Vec::capacity).sum::<usize>()
    }
}

fn grow<T: Clone + Default>(buffers: &mut Vec<Vec<T>>, widths: &[usize], rows: usize) {
    buffers.resize_with(widths.len(), Vec::new);
    for (buffer, width) in buffers.iter_mut().zip(widths) {
        if buffer.len() < rows * width {
            // What it held is not needed: free it first.
            *buffer = Vec::new();
            buffer.resize(rows * width, T::default());
        }
    }
}

impl Program {
    /// Runs every step. `indices` are the rows that each look-up picks, [tokens] each; the floats of the last step go to
    /// `out`. The error is the site that got NaN or infinity.
    pub fn run(
        &self,
        arena: &mut Arena,
        indices: &[&[i32]],
        offsets: &[i32],
        out: &mut [f32],
    ) -> Result<(), u32> {
        assert!(offsets.first() == Some(&0), "the offsets do not begin at 0");
        assert!(
            offsets.windows(2).all(|pair| pair[0] <= pair[1]),
            "the offsets fall"
        );
        let tokens = arena.fit(self, offsets);
        for step in &self.steps {
            let started = Instant::now();
            let rows = if step.per_sequence {
                offsets.len() - 1
            } else {
                tokens
            };
            self.run_step(step, rows, arena, indices, offsets)?;
            arena.seconds[step.kind.number()] += started.elapsed().as_secs_f64();
        }
        let last = self.steps.last().expect("a program has steps");
        let buffer = last.out.floats.expect("the last step gives floats");
        out.copy_from_slice(&arena.floats[buffer][..out.len()]);
        Ok(())
    }

    fn run_step(
        &self,
        step: &Step,
        rows: usize,
        arena: &mut Arena,
        indices: &[&[i32]],
        offsets: &[i32],
    ) -> Result<(), u32> {
        let Sink { width, floats, bytes } = &step.out;
        // Taken out of the arena, so that the step may read the others.
        let mut to_floats = floats.map(|buffer| take(&mut arena.floats[buffer]));
        let mut to_bytes = bytes.as_ref().map(|sink| take(&mut arena.bytes[sink.buffer]));
        let size = rows * width;
        let finite = if let Kind::FloatLinear { x, weight, bias } = &step.kind {
            let (x, weight) = (&arena.floats[*x], &self.floats[*weight]);
            let k = weight.len() / width;
            let out = to_floats.as_mut().expect("a float linear gives floats");
            linear::forward(&x[..rows * k], weight, &self.floats[*bias], k, &mut out[..size]);
            true
        } else {
            let target = Target::new(
                *width,
                to_floats.as_mut().map(|buffer| &mut buffer[..size]),
                to_bytes
                    .as_mut()
                    .zip(bytes.as_ref())
                    .map(|(buffer, sink)| (&mut buffer[..size], sink.grid)),
            );
            self.run_rows(&step.kind, rows, arena, indices, offsets, &target);
            target.is_finite()
        };
        if let (Some(buffer), Some(taken)) = (floats, to_floats) {
            arena.floats[*buffer] = taken;
        }
        if let (Some(sink), Some(taken)) = (bytes, to_bytes) {
            arena.bytes[sink.buffer] = taken;
        }
        match bytes {
            Some(sink) if !finite => Err(sink.site),
            _ => Ok(()),
        }
    }

    fn run_rows(
        &self,
        kind: &Kind,
        rows: usize,
        arena: &Arena,
        indices: &[&[i32]],
        offsets: &[i32],
        target: &Target,
    ) {
        match kind {
            Kind::SumRows {
                terms,
                norm,
                function,
            } => {
                let norm: Option<Norm> = norm
                    .map(|(gamma, beta, epsilon)| (&self.floats[gamma][..], &self.floats[beta][..], epsilon));
                let term = |term: &TermOf| match *term {
                    TermOf::Table {
                        table,
                        indices: index,
                    } => Term::Table(&self.tables[table], indices[index]),
                    TermOf::Floats { buffer } => Term::Floats(&arena.floats[buffer]),
                    TermOf::FirstTokens { buffer } => Term::FirstTokens(&arena.floats[buffer], offsets),
                };
                // Arrays of the usual lengths, so that a call allocates nothing.
                match &terms[..] {
                    [a] => sum_rows(rows, &[term(a)], norm, *function, target),
                    [a, b] => sum_rows(rows, &[term(a), term(b)], norm, *function, target),
                    [a, b, c] => sum_rows(rows, &[term(a), term(b), term(c)], norm, *function, target),
                    _ => {
                        let terms: Vec<_> = terms.iter().map(term).collect();
                        sum_rows(rows, &terms, norm, *function, target);
                    }
                }
            }
            Kind::IntegerLinear { x, linear, function } => {
                integer_linear(rows, &arena.bytes[*x], &self.linears[*linear], *function, target);
            }
            Kind::FloatLinear { .. } => unreachable!("a float linear writes floats by itself"),
            Kind::Attention { parts, heads } => {
                let columns = parts.each_ref().map(|part| Columns {
                    data: &arena.floats[part.buffer],
                    first: part.first,
                    step: part.step,
                });
                attention(columns, &arena.sequences, *heads, target);
            }
        }
    }
}

impl Kind {
    fn number(&self) -> usize {
        match self {
            Kind::SumRows { .. } => 0,
            Kind::IntegerLinear { .. } => 1,
            Kind::FloatLinear { .. } => 2,
            Kind::Attention { .. } => 3,
        }
    }
}
