import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withSchedExt } from '../../src/abi/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { explain, verifierInput, verify, type VerifyOptions } from '../../src/verifier/index.ts';
import { profile } from './programs.ts';

const bytes = readFileSync(join(import.meta.dirname, 'strict-ops.bpf.o'));
const object = parseObject(new Uint8Array(bytes));
const kernel = await withSchedExt(profile);

function inputOf(name: string) {
  return verifierInput(object, object.programs.find((it) => it.name === name)!, kernel);
}

const words = (name: string, options: VerifyOptions): string => {
  const { ok, errnoName, reason } = verify(inputOf(name), kernel, options);
  return ok ? 'accepted' : `${errnoName} ${reason?.text.replace(/ \(beeyard.*/, '')}`;
};

const refused = (kfunc: string, where: string, wanted: string, mask: string): string =>
  `EACCES calling kernel function ${kfunc} is not allowed in ${where}: ` +
  `it wants ${wanted}, not ${mask}`;

/** What strict-ops says of each program. */
const STRICT: Readonly<Record<string, string>> = {
  good_select_cpu: 'accepted',
  good_enqueue: 'accepted',
  good_dispatch: 'accepted',
  good_init: 'accepted',
  good_cpu_release: 'accepted',
  bad_select_cpu: refused(
    'scx_bpf_reenqueue_local',
    'sched_ext_ops.select_cpu',
    'SCX_KF_CPU_RELEASE',
    'SCX_KF_ENQUEUE|SCX_KF_SELECT_CPU',
  ),
  bad_enqueue: refused(
    'scx_bpf_consume',
    'sched_ext_ops.enqueue',
    'SCX_KF_DISPATCH',
    'SCX_KF_ENQUEUE',
  ),
  bad_loop: refused(
    'scx_bpf_consume',
    'sched_ext_ops.enqueue',
    'SCX_KF_DISPATCH',
    'SCX_KF_ENQUEUE',
  ),
  bad_running: refused(
    'scx_bpf_dispatch',
    'sched_ext_ops.running',
    'SCX_KF_DISPATCH|SCX_KF_ENQUEUE',
    'SCX_KF_REST',
  ),
  bad_stopping: refused(
    'scx_bpf_consume',
    'sched_ext_ops.stopping',
    'SCX_KF_DISPATCH',
    'SCX_KF_REST',
  ),
  bad_timer: refused(
    'scx_bpf_consume',
    'a callback that runs later',
    'SCX_KF_DISPATCH',
    'unlocked',
  ),
};

describe('strict struct_ops', () => {
  it('knows every program of the object', () => {
    expect(object.programs.map(({ name }) => name).sort()).toEqual(Object.keys(STRICT).sort());
  });

  for (const [name, expected] of Object.entries(STRICT)) {
    it(`${name}: Linux 6.12 loads it, strict-ops says ${expected}`, () => {
      expect(words(name, {})).toBe('accepted');
      expect(words(name, { strictOps: true })).toBe(expected);
    });
  }

  it('explains where the function may be called', () => {
    const why = explain(inputOf('bad_enqueue'), kernel, { strictOps: true })!;
    expect(why.code).toBe('extension.kfunc_not_allowed');
    expect(why.cause).toBe('kfunc-not-allowed');
    expect(why.at.line?.text).toContain('scx_bpf_consume(QUEUE)');
    expect(why.advice[0]).toBe('Call it in sched_ext_ops.dispatch.');
  });

  it('marks what it says as an extension', () => {
    const { reason } = verify(inputOf('bad_enqueue'), kernel, { strictOps: true });
    expect(reason?.text).toMatch(/\(beeyard extension: strict-ops\)$/);
  });
});
