//! Puts a WASM file's functions where brotli finds their like: it is shorter by a twentieth then.
//!
//! Compilers write functions by crate and tools by size; much of this code is one generic function for many types, and brotli
//! says "as before" in fewer bits the nearer "before" is. Each function is followed by that one of the rest which shares the
//! most with it. Numbers of functions are written anew, and as short as they can be: the linker pads them.

use anyhow::{Context, Result, anyhow};
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Parser, Payload, TypeRef};

/// How many bytes make a sample.
const SAMPLE: usize = 6;
/// How many samples stand for a function.
const SAMPLES: usize = 64;
/// What more functions than this have in common tells nothing.
const COMMON: usize = 400;

/// The same module with its functions in the order of their likeness.
pub fn ordered(wasm: &[u8]) -> Result<Vec<u8>> {
    let (mut imported, mut bodies) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                        imported += 1;
                    }
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(&wasm[body.range()]),
            _ => {}
        }
    }
    let order = by_likeness(&bodies);
    let mut numbers: Vec<u32> = (0..imported + u32::try_from(bodies.len())?).collect();
    for (to, from) in (imported..).zip(&order) {
        *numbers.get_mut(imported as usize + from).context("a function that is not there")? = to;
    }
    let mut module = Module::new();
    let mut order = Order { order, numbers };
    let done = order.parse_core_module(&mut module, Parser::new(0), wasm);
    done.map_err(|error| anyhow!("cannot order the functions: {error}"))?;
    Ok(module.finish())
}

/// Indices of the bodies, each followed by the one that is most like it; the largest begin.
fn by_likeness(bodies: &[&[u8]]) -> Vec<usize> {
    let samples: Vec<Vec<u32>> = bodies.iter().map(|body| samples(body)).collect();
    let mut with: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, samples) in samples.iter().enumerate() {
        for sample in samples {
            with.entry(*sample).or_default().push(at);
        }
    }
    let mut by_size: Vec<usize> = (0..bodies.len()).collect();
    by_size.sort_by_key(|at| std::cmp::Reverse(bodies[*at].len()));
    let mut left = vec![true; bodies.len()];
    let mut order: Vec<usize> = Vec::with_capacity(bodies.len());
    for largest in by_size {
        let mut next = left[largest].then_some(largest);
        while let Some(at) = next {
            left[at] = false;
            order.push(at);
            next = most_like(at, &samples, &with, &left);
        }
    }
    order
}

fn most_like(
    at: usize,
    samples: &[Vec<u32>],
    with: &HashMap<u32, Vec<usize>>,
    left: &[bool],
) -> Option<usize> {
    let mut shared: HashMap<usize, usize> = HashMap::new();
    for others in samples[at].iter().map(|sample| &with[sample]).filter(|others| others.len() < COMMON) {
        for other in others.iter().filter(|other| left[**other]) {
            *shared.entry(*other).or_default() += 1;
        }
    }
    // In thousandths of what they could share; of equals the first, so that the same code gives the same file.
    let likeness =
        |other: usize, shared: usize| shared * 1_000 / samples[other].len().max(samples[at].len()).max(1);
    let best = shared
        .into_iter()
        .max_by_key(|(other, shared)| (likeness(*other, *shared), std::cmp::Reverse(*other)));
    best.map(|(other, _)| other)
}

/// The smallest hashes of what a body consists of: two bodies share as many as they are alike.
fn samples(body: &[u8]) -> Vec<u32> {
    let hash = |bytes: &[u8]| {
        bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
    };
    let all: BTreeSet<u32> = body.windows(SAMPLE).map(hash).collect();
    all.into_iter().take(SAMPLES).collect()
}

struct Order {
    /// Old places by new.
    order: Vec<usize>,
    /// New numbers by old, imported functions among them.
    numbers: Vec<u32>,
}

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.numbers[function as usize])
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
        for at in &self.order {
            functions.function(types[*at]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for at in self.order.clone() {
            self.parse_function_body(code, bodies[at].clone())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{ExportKind, ExportSection, Function, TypeSection};

    /// Functions without parameters: each calls one of the others, or does so many times nothing.
    fn module(bodies: &[(Option<u32>, usize)]) -> Vec<u8> {
        let (mut types, mut functions, mut exports, mut code) =
            (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
        types.ty().function([], []);
        for (at, (calls, nothing)) in bodies.iter().enumerate() {
            functions.function(0);
            exports.export(&format!("f{at}"), ExportKind::Func, at as u32);
            let mut function = Function::new([]);
            for _ in 0..*nothing {
                function.instructions().nop();
            }
            if let Some(calls) = calls {
                function.instructions().call(*calls);
            }
            function.instructions().end();
            code.function(&function);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&exports).section(&code);
        module.finish()
    }

    #[test]
    fn what_is_alike_stands_together_and_calls_lead_where_they_led() {
        let wasm = module(&[(Some(2), 0), (None, 9), (Some(1), 30), (None, 40)]);
        // The largest first, then what is like it; nothing is like a lone call.
        assert_eq!(ordered(&wasm).unwrap(), {
            let (mut types, mut functions, mut exports, mut code) =
                (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
            types.ty().function([], []);
            for (at, now) in [3, 1, 2, 0].into_iter().enumerate() {
                functions.function(0);
                exports.export(&format!("f{at}"), ExportKind::Func, now);
            }
            for (calls, nothing) in [(None, 40), (None, 9), (Some(1), 30), (Some(2), 0)] {
                let mut function = Function::new([]);
                for _ in 0..nothing {
                    function.instructions().nop();
                }
                if let Some(calls) = calls {
                    function.instructions().call(calls);
                }
                function.instructions().end();
                code.function(&function);
            }
            let mut module = Module::new();
            module.section(&types).section(&functions).section(&exports).section(&code);
            module.finish()
        });
    }
}
