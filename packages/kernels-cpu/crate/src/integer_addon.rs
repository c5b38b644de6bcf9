//! Integer programs as JavaScript sees them: built from plain objects, shared between worker threads by number.

use crate::integer_program::{Arena, ByteSink, KINDS, Kind, Part, Program, Sink, Step, TermOf};
use crate::integer_steps::{Function, IntegerLinear, Table};
use crate::quantize::ByteGrid;
use crate::threads::Floats;
use napi::bindgen_prelude::{Float32Array, Int8Array};
use napi::{Error, Result};
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

#[napi(object)]
pub struct GridSpec {
    pub scale: f64,
    pub zero_point: i32,
    pub q_min: i32,
    pub q_max: i32,
}

#[napi(object)]
pub struct ByteSinkSpec {
    pub buffer: u32,
    pub grid: GridSpec,
    pub site: u32,
}

#[napi(object)]
pub struct SinkSpec {
    pub width: u32,
    pub floats: Option<u32>,
    pub bytes: Option<ByteSinkSpec>,
}

#[napi(discriminant = "kind", discriminant_case = "camelCase")]
pub enum TermSpec {
    Table { table: u32, indices: u32 },
    Floats { buffer: u32 },
    FirstTokens { buffer: u32 },
}

#[napi(object)]
pub struct NormSpec {
    pub gamma: u32,
    pub beta: u32,
    pub epsilon: f64,
}

#[napi(object)]
pub struct PartSpec {
    pub buffer: u32,
    pub first: u32,
    pub step: u32,
}

#[napi(string_enum = "camelCase")]
pub enum FunctionSpec {
    Identity,
    Gelu,
    Tanh,
}

#[napi(discriminant = "kind", discriminant_case = "camelCase")]
pub enum StepSpec {
    SumRows {
        terms: Vec<TermSpec>,
        norm: Option<NormSpec>,
        function: FunctionSpec,
        per_sequence: bool,
        out: SinkSpec,
    },
    IntegerLinear {
        x: u32,
        linear: u32,
        function: FunctionSpec,
        per_sequence: bool,
        out: SinkSpec,
    },
    FloatLinear {
        x: u32,
        weight: u32,
        bias: u32,
        per_sequence: bool,
        out: SinkSpec,
    },
    Attention {
        q: PartSpec,
        k: PartSpec,
        v: PartSpec,
        heads: u32,
        out: SinkSpec,
    },
}

#[napi(object)]
pub struct LinearSpec {
    pub values: Int8Array,
    pub scales: Float32Array,
    pub bias: Float32Array,
    pub grid: GridSpec,
}

/// A table of floats, or of integers where there are scales.
#[napi(object)]
pub struct TableSpec {
    pub floats: Option<Float32Array>,
    pub values: Option<Int8Array>,
    pub scales: Option<Float32Array>,
}

#[napi(object)]
pub struct ProgramSpec {
    pub steps: Vec<StepSpec>,
    pub linears: Vec<LinearSpec>,
    pub tables: Vec<TableSpec>,
    pub floats: Vec<Float32Array>,
    pub float_widths: Vec<u32>,
    pub byte_widths: Vec<u32>,
}

fn byte_grid(spec: &GridSpec) -> ByteGrid {
    ByteGrid {
        scale: spec.scale as f32,
        zero_point: spec.zero_point,
        low: (spec.q_min - spec.zero_point) as f32,
        high: (spec.q_max - spec.zero_point) as f32,
    }
}

fn sink(spec: SinkSpec) -> Sink {
    Sink {
        width: spec.width as usize,
        floats: spec.floats.map(|buffer| buffer as usize),
        bytes: spec.bytes.map(|ByteSinkSpec { buffer, grid, site }| ByteSink {
            buffer: buffer as usize,
            grid: byte_grid(&grid),
            site,
        }),
    }
}

fn term(spec: TermSpec) -> TermOf {
    match spec {
        TermSpec::Table { table, indices } => TermOf::Table {
            table: table as usize,
            indices: indices as usize,
        },
        TermSpec::Floats { buffer } => TermOf::Floats {
            buffer: buffer as usize,
        },
        TermSpec::FirstTokens { buffer } => TermOf::FirstTokens {
            buffer: buffer as usize,
        },
    }
}

fn function(spec: FunctionSpec) -> Function {
    match spec {
        FunctionSpec::Identity => Function::Identity,
        FunctionSpec::Gelu => Function::Gelu,
        FunctionSpec::Tanh => Function::Tanh,
    }
}

fn part(spec: PartSpec) -> Part {
    Part {
        buffer: spec.buffer as usize,
        first: spec.first as usize,
        step: spec.step as usize,
    }
}

fn step(spec: StepSpec) -> Step {
    let (kind, per_sequence, out) = match spec {
        StepSpec::SumRows {
            terms,
            norm,
            function: applied,
            per_sequence,
            out,
        } => {
            let kind = Kind::SumRows {
                terms: terms.into_iter().map(term).collect(),
                norm: norm.map(|norm| (norm.gamma as usize, norm.beta as usize, norm.epsilon as f32)),
                function: function(applied),
            };
            (kind, per_sequence, out)
        }
        StepSpec::IntegerLinear {
            x,
            linear,
            function: applied,
            per_sequence,
            out,
        } => {
            let kind = Kind::IntegerLinear {
                x: x as usize,
                linear: linear as usize,
                function: function(applied),
            };
            (kind, per_sequence, out)
        }
        StepSpec::FloatLinear {
            x,
            weight,
            bias,
            per_sequence,
            out,
        } => {
            let kind = Kind::FloatLinear {
                x: x as usize,
                weight: weight as usize,
                bias: bias as usize,
            };
            (kind, per_sequence, out)
        }
        StepSpec::Attention { q, k, v, heads, out } => {
            let kind = Kind::Attention {
                parts: [part(q), part(k), part(v)],
                heads: heads as usize,
            };
            (kind, false, out)
        }
    };
    Step {
        kind,
        per_sequence,
        out: sink(out),
    }
}

fn table(spec: TableSpec) -> Table {
    match spec {
        TableSpec {
            floats: Some(floats), ..
        } => Table::Floats(floats.to_vec()),
        TableSpec {
            values: Some(values),
            scales: Some(scales),
            ..
        } => Table::Bytes(values.to_vec(), scales.to_vec()),
        _ => panic!("a table needs floats, or values and scales"),
    }
}

/// The programs that are open, by number.
static OPEN: LazyLock<Mutex<HashMap<u32, Weak<Program>>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU32 = AtomicU32::new(0);

/// One caller's hold on a program, with buffers of its own. The program is freed with the last hold.
#[napi]
pub struct IntegerProgram {
    program: Option<Arc<Program>>,
    arena: Arena,
    number: u32,
}

#[napi]
impl IntegerProgram {
    #[napi(constructor, catch_unwind)]
    pub fn new(spec: ProgramSpec) -> Self {
        let linear = |spec: LinearSpec| {
            IntegerLinear::new(
                &spec.values,
                spec.scales.to_vec(),
                spec.bias.to_vec(),
                byte_grid(&spec.grid),
            )
        };
        let widths = |widths: Vec<u32>| widths.into_iter().map(|width| width as usize).collect();
        let program = Arc::new(Program {
            steps: spec.steps.into_iter().map(step).collect(),
            linears: spec.linears.into_iter().map(linear).collect(),
            tables: spec.tables.into_iter().map(table).collect(),
            floats: spec.floats.iter().map(|floats| floats.to_vec()).collect(),
            float_widths: widths(spec.float_widths),
            byte_widths: widths(spec.byte_widths),
        });
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, program| program.strong_count() > 0);
        open.insert(number, Arc::downgrade(&program));
        IntegerProgram {
            program: Some(program),
            arena: Arena::default(),
            number,
        }
    }

    /// A further hold on an open program, in any thread of this process.
    #[napi(factory, catch_unwind)]
    pub fn open(number: u32) -> Result<Self> {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let program = open.get(&number).and_then(Weak::upgrade);
        if program.is_none() {
            return Err(Error::from_reason("the model was disposed"));
        }
        Ok(IntegerProgram {
            program,
            arena: Arena::default(),
            number,
        })
    }

    #[napi(getter)]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Runs the program; returns the number of the site that got NaN or infinity.
    #[napi(catch_unwind)]
    pub fn run(&mut self, indices: Vec<&[i32]>, offsets: &[i32], out: Floats) -> Result<Option<u32>> {
        let Some(program) = &self.program else {
            return Err(Error::from_reason("the model was disposed"));
        };
        Ok(program.run(&mut self.arena, &indices, offsets, out).err())
    }

    /// Lets go of the program and frees the buffers.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.program = None;
        self.arena = Arena::default();
    }

    /// The seconds that each kind of step took so far.
    #[napi(catch_unwind)]
    pub fn seconds(&self) -> HashMap<String, f64> {
        KINDS
            .iter()
            .map(|kind| (*kind).to_owned())
            .zip(self.arena.seconds)
            .collect()
    }

    /// The bytes of this hold's buffers.
    #[napi(getter)]
    pub fn buffer_bytes(&self) -> f64 {
        self.arena.size_in_bytes() as f64
    }
}
