import type { Runtime } from '../../runtime/types.ts';
import { hasTailCalls } from './collect.ts';
import { I32, I64, ModuleBuilder } from './encoder.ts';
import * as W from './opcodes.ts';
import { CodeWriter } from './writer.ts';

const functions = new WeakMap<Runtime, WebAssembly.ExportValue>();

/**
 * `tail_call(ctx, slot) -> i64`: calls a program by its slot. It is a module of its own, once per
 * runtime, because V8 keeps every instance that imports a table as long as the table: if modules of
 * programs did, none of them would ever be freed, and each change of a slot would go to all.
 */
export function tailCallOf(runtime: Runtime): WebAssembly.ExportValue {
  let known = functions.get(runtime);
  if (known === undefined) {
    const module = new WebAssembly.Module(moduleBytes());
    const { exports } = new WebAssembly.Instance(module, { env: { table: runtime.table } });
    functions.set(runtime, (known = exports['tail_call']));
  }
  return known;
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const builder = new ModuleBuilder();
  builder.importTable('env', 'table');
  const index = builder.declare(builder.type([I32, I32], [I64]), 'tail_call');
  const w = new CodeWriter(2);
  w.with(W.LOCAL_GET, 0);
  w.with(W.LOCAL_GET, 1);
  w.with(hasTailCalls() ? W.RETURN_CALL_INDIRECT : W.CALL_INDIRECT, builder.type([I32], [I64]));
  w.sink.byte(0);
  builder.define(index, w.finish());
  builder.exportFunction('tail_call', index);
  return builder.finish();
}
