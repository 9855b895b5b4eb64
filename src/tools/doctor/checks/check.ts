import type { DoctorOptions, Finding, Producer } from '../types.ts';
import type { Subject } from '../subject.ts';

/** What a check may look at. */
export interface CheckInput extends DoctorOptions {
  readonly subject: Subject;
  readonly producer: Producer;
}

/** One question asked of an object. */
export type Check = (input: CheckInput) => Finding[];
