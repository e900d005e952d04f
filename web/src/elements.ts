// Small helpers to find and make elements. Text goes in as text, never as HTML.

export function element<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} #${id}. This is a bug.`);
  return found;
}

export function child<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text: string,
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** Words whose direction must not mix with the sentence around them. */
export function isolated(text: string): HTMLElement {
  return child('bdi', text);
}
