import { ProviderError } from '@llm-gateway/shared';

export interface Deadline {
  signal: AbortSignal;
  /** Settles as the work does, or rejects at once when the call is over: undici reports an abort only after connecting. */
  race: <T>(work: Promise<T>) => Promise<T>;
  /** Why the call was ended, if it was. */
  reason: () => ProviderError | undefined;
  /** Ends the timer and lets go of the caller's signal. */
  close: () => void;
}

/**
 * One controller for a call, aborted by its timer or by its caller. A timer and a listener that hold the controller, because
 * signals from `AbortSignal.timeout` and `AbortSignal.any` can be garbage collected before they fire (nodejs/undici#4068).
 */
export function deadlineController(timeoutMs: number, callerSignal: AbortSignal): Deadline {
  const controller = new AbortController();
  let reason: ProviderError | undefined;
  let giveUp: (reason: ProviderError) => void = () => undefined;
  const over = new Promise<never>((_resolve, reject) => (giveUp = reject));
  over.catch(() => undefined);

  const end = (why: ProviderError): void => {
    if (reason) return;
    reason = why;
    giveUp(why);
    controller.abort(why);
  };
  const onCallerAbort = () => end(callerReason(callerSignal));
  const timer = setTimeout(() => end(new ProviderError('timeout', `no answer within ${timeoutMs} ms`)), timeoutMs);
  if (callerSignal.aborted) onCallerAbort();
  else callerSignal.addEventListener('abort', onCallerAbort, { once: true });

  return {
    signal: controller.signal,
    race: (work) => Promise.race([over, work]),
    reason: () => reason,
    close: () => {
      clearTimeout(timer);
      callerSignal.removeEventListener('abort', onCallerAbort);
    },
  };
}

const callerReason = ({ reason }: AbortSignal): ProviderError =>
  reason instanceof ProviderError ? reason : new ProviderError('aborted', 'the call was aborted');
