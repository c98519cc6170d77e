import { expect, it } from '@jest/globals';
import { StopList } from '../src/stop-list.js';

function recorder() {
  const stopped: string[] = [];
  const stop = (name: string) => async (): Promise<void> => {
    await Promise.resolve();
    stopped.push(name);
  };
  return { stopped, stop };
}

it('stops what was started in reverse order, once', async () => {
  const stops = new StopList(() => undefined);
  const { stopped, stop } = recorder();
  for (const name of ['database', 'redis', 'api']) await stops.add(name, stop(name));
  await Promise.all([stops.stopAll(), stops.stopAll()]);
  expect(stopped).toEqual(['api', 'redis', 'database']);
});

it('stops at once what comes up after the end has begun', async () => {
  const stops = new StopList(() => undefined);
  const { stopped, stop } = recorder();
  await stops.stopAll();
  await stops.add('late', stop('late'));
  expect(stopped).toEqual(['late']);
});

it('says when one cannot be stopped, and goes on to the rest', async () => {
  const complaints: string[] = [];
  const stops = new StopList((line) => complaints.push(line));
  const { stopped, stop } = recorder();
  await stops.add('database', stop('database'));
  await stops.add('stubborn', () => Promise.reject(new Error('no')));
  await stops.stopAll();
  expect(stopped).toEqual(['database']);
  expect(complaints).toEqual(['could not stop stubborn: Error: no']);
});
