import { ByteSink, I32, I64, ModuleBuilder } from '../wasm/encoder.ts';

const LOCAL_GET = 0x20;
const I32_CONST = 0x41;
const CALL = 0x10;
const END = 0x0b;
const CALLBACK_PARAMS = [I64, I64, I64, I64, I64] as const;

/** A program's functions for the function table, made to order in a tiny module of their own. */
export interface Entries {
  /** (ctx: i32) -> i64 */
  readonly program: unknown;
  /** (i64 x 5) -> i64, in the order of `callbacks`. */
  readonly callbacks: readonly unknown[];
}

/** What the entries call: exports of the interpreter's module. */
export interface EntryBodies {
  readonly program_entry: unknown;
  readonly callback_entry: unknown;
}

/**
 * Functions that pass their arguments on to the interpreter, together with the address of the
 * program and, for callbacks, of their first record.
 */
export function makeEntries(
  bodies: EntryBodies,
  program: number,
  callbacks: readonly number[],
): Entries {
  const module = new ModuleBuilder();
  const programBody = module.type([I32, I32], [I64]);
  const callbackBody = module.type([...CALLBACK_PARAMS, I32, I32], [I64]);
  const programType = module.type([I32], [I64]);
  const callbackType = module.type(CALLBACK_PARAMS, [I64]);
  const enter = module.importFunction('interpreter', 'program_entry', programBody);
  const callBack = module.importFunction('interpreter', 'callback_entry', callbackBody);
  const add = (name: string, type: number, body: Uint8Array): void => {
    const index = module.declare(type, name);
    module.define(index, body);
    module.exportFunction(name, index);
  };
  add('program', programType, passOn(1, [program], enter));
  callbacks.forEach((pc, i) =>
    add(`callback${i}`, callbackType, passOn(5, [program, pc], callBack)),
  );
  const bytes = module.finish() as Uint8Array<ArrayBuffer>;
  const imports = { interpreter: { ...bodies } } as unknown as WebAssembly.Imports;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  return {
    program: exports['program'],
    callbacks: callbacks.map((_, i) => exports[`callback${i}`]),
  };
}

function passOn(params: number, constants: readonly number[], target: number): Uint8Array {
  const body = new ByteSink(64);
  body.byte(0);
  for (let i = 0; i < params; i++) {
    body.byte(LOCAL_GET);
    body.u32(i);
  }
  for (const constant of constants) {
    body.byte(I32_CONST);
    body.s32(constant);
  }
  body.byte(CALL);
  body.u32(target);
  body.byte(END);
  return body.finish().slice();
}
