/** The feature group of a program (1 to 6), from its instructions: what it asks of the verifier. */

export const GROUPS = [
  '',
  'scalars, stack, context, packet',
  'maps and plain helpers',
  'subprograms, global functions',
  'references, locks, dynptr, timers, callbacks',
  'BTF context (tracing, LSM, struct_ops, ext)',
  'kfuncs',
];

const BTF_TYPES = new Set(['tracing', 'lsm', 'struct_ops', 'ext']);

/** Helpers that take or give back something, lock, or call back. */
const RESOURCE = new RegExp(
  '^(sk_lookup_|skc_lookup|sk_release|sk_fullsock|ringbuf_(reserve|submit|discard)|kptr_xchg|' +
    'spin_|timer_|dynptr_|user_ringbuf_drain|loop$|for_each_map_elem|find_vma|' +
    'kptr|sk_assign|task_storage_get|per_cpu_ptr|this_cpu_ptr)|dynptr',
);

const LD_IMM64 = 0x18;
const CALL = 0x85;

/** `helperName(id)` gives names without `bpf_`. */
export function groupOf(program, helperName) {
  const uses = { kfunc: false, resource: false, subprogram: false, map: false };
  const { insns } = program;
  for (let at = 0; at < insns.length; at += 8) look(insns, at, uses, helperName);
  if (program.relocations.some((one) => one.kind === 'extern' && one.call)) uses.kfunc = true;
  if (program.relocations.some(({ kind }) => kind === 'map' || kind === 'map_value'))
    uses.map = true;
  if (uses.kfunc) return 6;
  if (BTF_TYPES.has(program.type)) return 5;
  if (uses.resource) return 4;
  if (uses.subprogram) return 3;
  return uses.map ? 2 : 1;
}

function look(insns, at, uses, helperName) {
  const opcode = insns[at];
  const source = insns[at + 1] >> 4;
  if (opcode === LD_IMM64 && source === 4) uses.resource = true;
  if (opcode !== CALL) return;
  if (source === 1) uses.subprogram = true;
  else if (source === 2) uses.kfunc = true;
  else {
    uses.map = true;
    const id = insns[at + 4] | (insns[at + 5] << 8);
    if (RESOURCE.test(helperName(id) ?? '')) uses.resource = true;
  }
}
