const OLDEST = [20, 19];

/** Ends the process with one clear line when this Node is too old for the gateway. */
export function checkNodeVersion(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  console.error(`LLM Gateway needs Node ${OLDEST.join('.')} or newer, this is ${version}: install one from https://nodejs.org`);
  process.exit(1);
}
