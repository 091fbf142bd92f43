// Writes hf-bpe/PATTERN.merges, the merges of Hugging Face's trainer on hf-bpe/text.txt, which it reads line by line until no pair is left:
//   npm install tokenizers@0.23.2 && node tests/reference/make_bpe.js
// The expressions are those of the pre-tokenizers that DTT writes (src/Dtt.Data/Tokenizers).
const { execFileSync } = require('child_process');
const { readFileSync, writeFileSync, unlinkSync } = require('fs');
const { join } = require('path');
const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const published = digits => `${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const [upper, lower, prefix] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]', '[^\\r\\n\\p{L}\\p{N}]?'];
const patterns = {
  gpt2: '',
  cl100k: "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  o200k: `${prefix}${upper}*${lower}+${contraction}?|${prefix}${upper}+${lower}*${contraction}?`
    + '|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  llama3: published('\\p{N}{1,3}'),
  qwen2: published('\\p{N}'),
};
for (const [name, PATTERN] of Object.entries(patterns)) {
  const [folder, out] = [join(__dirname, 'hf-bpe'), join(__dirname, 'hf-bpe', 'out.json')];
  execFileSync('node', [join(__dirname, '../../bench/huggingface_train.js'), out, join(folder, 'text.txt')], { env: { ...process.env, PATTERN } });
  const merges = JSON.parse(readFileSync(out)).model.merges;
  writeFileSync(join(folder, `${name}.merges`), merges.map(m => `${m[0]} ${m[1]}\n`).join(''));
  unlinkSync(out);
}
