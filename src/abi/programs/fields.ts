import { structs } from '../generated/6.12/structs.ts';
import type { ContextField } from '../types.ts';

/** Where the members of a UAPI struct are, by name. */
export function fieldOffsets(struct: string): Readonly<Record<string, number>> {
  return Object.fromEntries(structs[struct]!.fields.map(({ name, offset }) => [name, offset]));
}

/** The fields of a UAPI struct, each with the rules a program type adds to it. */
export function contextFields(
  struct: string,
  rules: Readonly<Record<string, Partial<ContextField>>>,
  common: Partial<ContextField> = {},
): readonly ContextField[] {
  return structs[struct]!.fields.map(({ name, offset, size }) => ({
    name,
    offset,
    size,
    ...(rules[name] ?? common),
  }));
}
