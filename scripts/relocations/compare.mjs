/** One object: what libbpf made of its programs against what we make of them. */
import { readFileSync } from 'node:fs';

const LD_IMM64 = 0x18;
const PSEUDO_BTF_ID = 3;

/**
 * `theirs` are libbpf's rows of the object. Gives `{ program, outcome, why }`; outcome is 'equal',
 * 'refused' (by both), 'left out' (by libbpf), or 'differs'.
 */
export function compareObject(beeyard, path, theirs) {
  let object;
  try {
    object = beeyard.parseObject(readFileSync(path));
  } catch (error) {
    return theirs.map(({ program, step, warning }) => refusal(program, step, warning, error));
  }
  return theirs.map((row) => compareProgram(beeyard, object, row));
}

const refusal = (program, step, warning, error) =>
  step === 'ok' || step === 'load'
    ? { program, outcome: 'differs', why: `only we refuse: ${error.message}` }
    : { program, outcome: 'refused', why: `${warning} / ${error.message}` };

function compareProgram(beeyard, object, { program, step, warning, insns }) {
  if (step === 'left out') return { program, outcome: 'left out', why: 'libbpf does not load it' };
  const spec = object.programs.find(({ name }) => name === program);
  if (!spec && step === 'open')
    return { program, outcome: 'differs', why: `only libbpf: ${warning}` };
  if (!spec) return { program, outcome: 'differs', why: 'we have no such program' };
  let ours;
  try {
    ours = beeyard.relocateProgram(object, spec, beeyard.profile);
  } catch (error) {
    return refusal(program, step, warning, error);
  }
  if (step === 'relocate') {
    return { program, outcome: 'differs', why: `only libbpf refuses: ${warning.trim()}` };
  }
  const mine = Buffer.from(finished(beeyard, object, ours));
  const why = firstDifference(mine, insns);
  return why ? { program, outcome: 'differs', why } : { program, outcome: 'equal', why: '' };
}

/**
 * Our program with maps and modules numbered as libbpf-relocate numbers them: maps in libbpf's order,
 * which is ours with the configuration before struct_ops tables (those no instruction names).
 */
function finished({ profile }, object, { insns, relocations, kconfig, modules }) {
  const names = object.maps.filter(({ type }) => type !== 'struct_ops').map(({ name }) => name);
  if (kconfig) names.push(kconfig.name);
  const bytes = insns.slice();
  const view = new DataView(bytes.buffer);
  for (const { insn, map } of relocations) view.setInt32(8 * insn + 4, names.indexOf(map), true);
  const place = (nth) => profile.modules.findIndex(({ name }) => name === modules[nth - 1]) + 1;
  for (let at = 0; at < bytes.length; at += 8) {
    const source = bytes[at + 1] >> 4;
    const variable = bytes[at] === LD_IMM64 && source === PSEUDO_BTF_ID;
    const second = variable ? view.getInt32(at + 12, true) : 0;
    if (second > 0) view.setInt32(at + 12, place(second), true);
    if (bytes[at] === LD_IMM64) at += 8;
  }
  return bytes;
}

function firstDifference(ours, theirs) {
  if (ours.length !== theirs.length) {
    return `${ours.length / 8} instructions, libbpf has ${theirs.length / 8}`;
  }
  for (let at = 0; at < ours.length; at += 8) {
    const [mine, other] = [ours, theirs].map((all) => all.subarray(at, at + 8).toString('hex'));
    if (mine !== other) return `instruction ${at / 8}: ${mine}, libbpf ${other}`;
  }
  return undefined;
}
