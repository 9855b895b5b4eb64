import { enums, mapRules } from '../../abi/index.ts';
import { programRules } from '../../abi/program-rules.ts';
import type { VerifierEnv } from '../env.ts';
import {
  BPF_LIST_HEAD,
  BPF_RB_ROOT,
  BPF_SPIN_LOCK,
  BPF_TIMER,
  BPF_WORKQUEUE,
  hasField,
  recordOf,
} from '../fields/record.ts';
import { load } from '../messages/load.ts';
import type { Message } from '../messages/message.ts';
import type { VerifierMap } from '../types.ts';
import { STRUCT_OPS_MAP } from './program-kinds.ts';

const SOCKET_FILTER: number = enums.bpf_prog_type.BPF_PROG_TYPE_SOCKET_FILTER;

/** Fields of map values that programs of some kind must not find there. */
interface FieldRule {
  readonly fields: number;
  readonly applies: (programType: number) => boolean;
  readonly message: () => Message;
}

const isTracing = (type: number): boolean => programRules(type)?.tracing === true;

const FIELD_RULES: readonly FieldRule[] = [
  { fields: BPF_LIST_HEAD | BPF_RB_ROOT, applies: isTracing, message: load.tracing_graph },
  {
    fields: BPF_SPIN_LOCK,
    applies: (type) => type === SOCKET_FILTER,
    message: load.socket_spin_lock,
  },
  { fields: BPF_SPIN_LOCK, applies: isTracing, message: load.tracing_spin_lock },
  { fields: BPF_TIMER, applies: isTracing, message: load.tracing_timer },
  { fields: BPF_WORKQUEUE, applies: isTracing, message: load.tracing_wq },
];

/** May this program use this map at all? Mirrors check_map_prog_compatibility. */
export function checkMapProgramCompatibility(env: VerifierEnv, map: VerifierMap): void {
  const record = recordOf(env, map);
  for (const { fields, applies, message } of FIELD_RULES) {
    if (hasField(record, fields) && applies(env.programType)) env.reject('EINVAL', message());
  }
  if (map.type === STRUCT_OPS_MAP) env.reject('EINVAL', load.struct_ops_map());
  if (env.sleepable && !mapRules(map.type)?.sleepable) {
    env.reject('EINVAL', load.sleepable_map());
  }
}
