import { readFileSync } from 'node:fs';
import { folder } from './labels.mjs';

/** What is asked of each program of the set: the right cause, line, a fix, and the log alone. */
export const KINDS = ['cause', 'line', 'fix', 'log'];

/** Privileges by their names, as the labels write them. */
function capabilitiesOf(caps) {
  const names = caps.split(',');
  const has = (name) => caps === 'all' || names.includes(name);
  return {
    bpf: has('bpf'),
    perfmon: has('perfmon'),
    netAdmin: has('net_admin'),
    sysAdmin: has('sys_admin'),
  };
}

/**
 * Makes of a label its program, ready to be verified. `rooms` has parseObject and verifierInput, of
 * the sources or of dist.
 */
export function caseMaker(rooms, profile) {
  const objects = new Map();
  return (label) => {
    const { file, program, caps } = label;
    if (!objects.has(file)) {
      objects.set(file, rooms.parseObject(readFileSync(new URL(`${file}.bpf.o`, folder))));
    }
    const object = objects.get(file);
    const spec = object.programs.find((one) => one.name === program);
    if (!spec) throw new Error(`${file}.bpf.o has no program ${program}`);
    const input = rooms.verifierInput(object, spec, profile, { objectName: file });
    return { label, input, capabilities: capabilitiesOf(caps) };
  };
}

/** What the explanation of a program gets right. */
export function judge({ diagnose, explainLog, verify }, profile, { label, input, capabilities }) {
  const diagnosis = diagnose(input, profile, { capabilities });
  const explanation = diagnosis?.explanation;
  const { log } = verify(input, profile, { capabilities, logLevel: 1 });
  const told = [explanation?.at.line?.line, explanation?.blame.line?.line];
  return {
    cause: label.causes.includes(explanation?.cause),
    line: told.some((line) => line !== undefined && label.lines.includes(line)),
    fix: (diagnosis?.fixes.length ?? 0) > 0,
    log: explainLog(log, profile).explanation?.cause === explanation?.cause,
  };
}
