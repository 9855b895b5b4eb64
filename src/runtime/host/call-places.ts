/** Places of programs where something else may happen: behind calls of helpers and functions. */
import type { CallContract } from '../../abi/calls/contract.ts';
import { withAfter } from '../trampoline.ts';

/** Who wants to know of calls, and is told behind each. */
export interface CallListener {
  /** Before programs are loaded: only these are told. */
  wants(contract: CallContract): boolean;
  /** `low` and `high`: halves of what the call gave. */
  after(contract: CallContract, low: number, high: number): void;
}

/** The functions that programs get in place of the called ones, where somebody listens. */
export class CallPlaces {
  readonly #listener: CallListener;
  readonly #contracts: CallContract[] = [];
  readonly #wrapped = new Map<unknown, Map<CallContract, unknown>>();

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  /** `fn` itself, or one that tells the listener after it. */
  around(fn: unknown, arity: number, contract: CallContract | undefined): unknown {
    if (fn === undefined || !contract || !this.#listener.wants(contract)) return fn;
    let forFn = this.#wrapped.get(fn);
    if (!forFn) this.#wrapped.set(fn, (forFn = new Map()));
    let wrapped = forFn.get(contract);
    if (!wrapped) forFn.set(contract, (wrapped = this.#wrap(fn, arity, contract)));
    return wrapped;
  }

  #wrap(fn: unknown, arity: number, contract: CallContract): unknown {
    const number = this.#contracts.push(contract) - 1;
    return withAfter(fn, arity, number, (which, low, high) =>
      this.#listener.after(this.#contracts[which]!, low, high),
    );
  }
}
