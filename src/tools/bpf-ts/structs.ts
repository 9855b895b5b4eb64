import { described } from './annotations.ts';
import type { Call } from './ast.ts';
import { propertiesOf } from './construct.ts';
import { RESERVED } from './reserved.ts';
import type { Scope } from './scope.ts';
import { refuse } from './source-error.ts';
import { cStorage, type Field, type StructType } from './types.ts';

/** `const Event = struct({ time: u64, … })`: its type and its C. */
export function declareStruct(
  name: string,
  node: Call,
  scope: Scope,
): { type: StructType; c: string } {
  const [members] = node.arguments;
  if (members?.type !== 'ObjectExpression' || node.arguments.length > 1) {
    refuse(node, 'struct() takes its members', 'struct({ time: u64, count: u32 })');
  }
  const fields = new Map<string, Field>();
  for (const { name: key, value, node: at } of propertiesOf(members, { name })) {
    if (RESERVED.has(key)) refuse(at, `the name '${key}' means something in C`, 'choose another');
    const field = described(value, scope);
    if (!field) refuse(value, `the type of '${key}' is wanted`, 'u32, a struct, u8.array(16)');
    fields.set(key, field);
  }
  if (fields.size === 0) refuse(node, `the struct '${name}' has no member`);
  const lines = [...fields].map(([key, { type, bits }]) => {
    return `  ${cStorage(type, key)}${bits === undefined ? '' : ` : ${bits}`};`;
  });
  return { type: { kind: 'struct', name, fields }, c: `struct ${name} {\n${lines.join('\n')}\n};` };
}
