/** The look of the admin's own pages: the system's fonts and colours for light and dark, nothing fetched from elsewhere. */
export const STYLE = `:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #fff; --text: #1b2130; --quiet: #566074; --line: #cfd5e0; --accent: #1d4ed8; --on-accent: #fff; --bad: #b42318; --bad-page: #fef3f2;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #10141c; --card: #1a202c; --text: #e8ebf2; --quiet: #a3adbf; --line: #3a4456; --accent: #8ab4ff; --on-accent: #10141c; --bad: #ffa198; --bad-page: #3a1d1c; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 2rem 1rem; display: grid; place-items: center; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 34rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.05rem; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); }
.problem { margin: 1rem 0; padding: .75rem 1rem; border-left: 4px solid var(--bad); border-radius: 4px; background: var(--bad-page); color: var(--bad); }
label { display: block; margin: 1.25rem 0 .35rem; font-weight: 600; }
input, select, button { width: 100%; padding: .65rem .75rem; border: 1px solid var(--line); border-radius: 8px; background: var(--page); color: var(--text); font: inherit; }
button { margin-top: .75rem; border-color: transparent; background: var(--accent); color: var(--on-accent); font-weight: 600; cursor: pointer; }
button.plain { border-color: var(--line); background: transparent; color: var(--text); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 1rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
nav { margin-top: 1.75rem; padding-top: 1rem; border-top: 1px solid var(--line); display: flex; gap: 1.25rem; flex-wrap: wrap; }
`;
