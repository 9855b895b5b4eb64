/** What the verifier says of programs in TypeScript is about the TypeScript. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../../src/abi/index.ts';
import { parseObject } from '../../../src/object/index.ts';
import { explain, explanationText, verifierInput, verify } from '../../../src/verifier/index.ts';

const PRIVILEGED = { bpf: true, perfmon: true, netAdmin: true, sysAdmin: true };
const profile = await loadKernelProfile();
const object = parseObject(readFileSync(new URL('rejected.bpf.o', import.meta.url)));
const source = readFileSync(new URL('rejected.bpf.ts', import.meta.url), 'utf8').split('\n');

/** Program, what the kernel says, the statement it is about. */
const CASES = [
  ['unchecked_lookup', "R0 invalid mem access 'map_value_or_null'", 'count!.value += 1n;'],
  ['unchecked_read', "R2 invalid mem access 'scalar'", 'return eth.h_proto === htons(0x0800)'],
  ['stale_packet', "R6 invalid mem access 'scalar'", 'return eth.h_proto === htons(0x86dd)'],
  ['kept_record', 'Unreleased reference id=2', 'const record = ring.reserve();'],
] as const;

describe('rejected programs in TypeScript', () => {
  it.each(CASES)('%s: %s', (name, message, statement) => {
    const program = object.programs.find((one) => one.name === name)!;
    const input = verifierInput(object, program, profile, { objectName: 'rejected' });
    const { ok, log } = verify(input, profile, { logLevel: 1, capabilities: PRIVILEGED });
    expect(ok).toBe(false);
    expect(log).toContain(message);
    const line = source.findIndex((text) => text.includes(statement)) + 1;
    expect(log).toContain('@ rejected.bpf.ts:');
    expect(log).not.toMatch(/@ (?!rejected\.bpf\.ts)/);
    for (const quoted of log.matchAll(/^; (.*) @ rejected\.bpf\.ts:(\d+)$/gm)) {
      expect(quoted[1]).toBe(source[Number(quoted[2]) - 1]!.trim());
    }
    const words = explanationText(explain(input, profile, { capabilities: PRIVILEGED })!);
    expect(words).toContain(`rejected.bpf.ts:${line}`);
    expect(words).toContain(statement);
  });
});
