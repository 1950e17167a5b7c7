import ts from 'typescript'

/**
 * A change of one place in a source file.
 * @typedef {object} Mutant
 * @property {number} start
 * @property {number} end
 * @property {string} replacement
 * @property {number} line from 1
 * @property {string} place the function around it, as `functionsOf` names it
 */

/** @typedef {{ readonly node: ts.Node, readonly replacement: string }} Edit */

const { SyntaxKind } = ts

/** @type {ReadonlyMap<ts.SyntaxKind, string>} */
const OTHER_OPERATOR = new Map([
  [SyntaxKind.LessThanToken, '<='],
  [SyntaxKind.LessThanEqualsToken, '<'],
  [SyntaxKind.GreaterThanToken, '>='],
  [SyntaxKind.GreaterThanEqualsToken, '>'],
  [SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [SyntaxKind.PlusToken, '-'],
  [SyntaxKind.MinusToken, '+'],
  [SyntaxKind.AsteriskToken, '/'],
  [SyntaxKind.SlashToken, '*'],
  [SyntaxKind.AmpersandAmpersandToken, '||'],
  [SyntaxKind.BarBarToken, '&&'],
  [SyntaxKind.QuestionQuestionToken, '&&'],
  [SyntaxKind.PlusEqualsToken, '-='],
  [SyntaxKind.MinusEqualsToken, '+='],
  [SyntaxKind.QuestionQuestionEqualsToken, '='],
])

/** @type {Readonly<Record<string, string>>} */
const OTHER_METHOD = { min: 'max', max: 'min', some: 'every', every: 'some', push: 'unshift', shift: 'pop' }

/** @param {ts.Node} node */
const isText = (node) => ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)

/** @param {ts.Expression} condition @returns {readonly Edit[]} */
const decisions = (condition) =>
  condition.kind === SyntaxKind.TrueKeyword
    ? []
    : [
        { node: condition, replacement: 'true' },
        { node: condition, replacement: 'false' },
      ]

/** Statements that only have an effect, and early ends of a function or a round. @param {ts.Node} node */
const canBeLeftOut = (node) =>
  (ts.isExpressionStatement(node) && !(ts.isCallExpression(node.expression) && isSuper(node.expression))) ||
  (ts.isReturnStatement(node) && node.expression === undefined) ||
  ts.isContinueStatement(node) ||
  ts.isBreakStatement(node)

/** @param {ts.CallExpression} call */
const isSuper = ({ expression }) => expression.kind === SyntaxKind.SuperKeyword

/** @param {ts.Node} node @returns {readonly Edit[]} */
const editsOf = (node) => {
  if (canBeLeftOut(node)) return [{ node, replacement: ';' }]
  if (ts.isIfStatement(node) || ts.isDoStatement(node)) return decisions(node.expression)
  // An endless loop says nothing.
  if (ts.isWhileStatement(node)) return decisions(node.expression).slice(1)
  if (ts.isConditionalExpression(node)) return decisions(node.condition)
  if (ts.isBinaryExpression(node)) {
    const { operatorToken, left, right } = node
    const other = OTHER_OPERATOR.get(operatorToken.kind)
    const joinsText = operatorToken.kind === SyntaxKind.PlusToken && (isText(left) || isText(right))
    return other === undefined || joinsText ? [] : [{ node: operatorToken, replacement: other }]
  }
  if (ts.isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken) {
    return [{ node, replacement: node.operand.getText() }]
  }
  if (node.kind === SyntaxKind.TrueKeyword) return [{ node, replacement: 'false' }]
  if (node.kind === SyntaxKind.FalseKeyword) return [{ node, replacement: 'true' }]
  if (node.kind === SyntaxKind.QuestionDotToken && ts.isPropertyAccessExpression(node.parent)) {
    return [{ node, replacement: '.' }]
  }
  if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) return [{ node, replacement: '[]' }]
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { name } = node.expression
    const other = OTHER_METHOD[name.text]
    return other === undefined ? [] : [{ node: name, replacement: other }]
  }
  return []
}

/** Types do nothing at run time, and how an error is worded is no behaviour. @param {ts.Node} node */
const isLeftAlone = (node) =>
  ts.isTypeNode(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isImportDeclaration(node) ||
  ts.isExportDeclaration(node) ||
  (ts.isNewExpression(node) && ts.isThrowStatement(node.parent))

/** @param {string} file @param {string} text */
const parse = (file, text) => ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)

/** @param {ts.Node} node @returns {node is ts.FunctionLikeDeclaration & { readonly body: ts.Block }} */
const hasBody = (node) => ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && ts.isBlock(node.body)

/** @param {ts.Node} node the name of the function around it; of code outside of all functions: `start` */
const placeOf = (node) => {
  for (let outer = node.parent; !ts.isSourceFile(outer); outer = outer.parent) {
    if (hasBody(outer) && node.pos >= outer.body.pos) return String(outer.body.pos)
  }
  return 'start'
}

/** @param {string} text */
const isValid = (text) => {
  const { diagnostics = [] } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext },
  })
  return diagnostics.length === 0
}

/** @param {string} text @param {Pick<Mutant, 'start' | 'end' | 'replacement'>} mutant */
export const mutated = (text, { start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end)

/** Every mutant of a TypeScript source file that still is TypeScript. @param {string} file @param {string} text */
export const mutantsOf = (file, text) => {
  const source = parse(file, text)
  /** @type {Mutant[]} */
  const mutants = []
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (isLeftAlone(node)) return
    for (const { node: changed, replacement } of editsOf(node)) {
      const start = changed.getStart(source)
      const mutant = { start, end: changed.getEnd(), replacement }
      const line = source.getLineAndCharacterOfPosition(start).line + 1
      if (isValid(mutated(text, mutant))) mutants.push({ ...mutant, line, place: placeOf(node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return mutants
}

/** Where the functions of a source file begin, by the name of their place. @param {string} file @param {string} text */
export const functionsOf = (file, text) => {
  /** @type {{ readonly place: string, readonly at: number }[]} */
  const functions = []
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (hasBody(node)) functions.push({ place: String(node.body.pos), at: node.body.getStart() + 1 })
    ts.forEachChild(node, visit)
  }
  visit(parse(file, text))
  return functions
}

/**
 * The same source, which tells `globalThis.tellPlace` what of it runs.
 * @param {string} file
 * @param {string} text
 */
export const traced = (file, text) => {
  /** @param {string} place */
  const tell = (place) => `globalThis.tellPlace?.(${JSON.stringify(`${file}#${place}`)});`
  let result = text
  for (const { place, at } of functionsOf(file, text).toReversed()) {
    result = result.slice(0, at) + tell(place) + result.slice(at)
  }
  return result + tell('start')
}
