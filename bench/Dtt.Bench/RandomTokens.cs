using System.Runtime.InteropServices;
using Dtt.Data.Tokenizers;

namespace Dtt.Bench;

/// <summary>
/// A dataset of random ids, for steps whose cost does not depend on the text: bare uint16 files as nanoGPT has them, and a tokenizer with as many ids.
/// </summary>
internal static class RandomTokens
{
    /// <summary>Makes the dataset in a scratch folder, ready for training.</summary>
    /// <param name="scratch">The folder.</param>
    /// <param name="dataset">The dataset's name.</param>
    /// <param name="vocab">Ids, 257 to 65,536.</param>
    /// <param name="tokens">Tokens of the training file; the validation file has a hundredth.</param>
    public static void Make(Scratch scratch, string dataset, int vocab, int tokens)
    {
        var merges = Enumerable.Range(0, vocab - 257).Select(i => (i / 256, i % 256)).ToList(); // pairs of bytes
        TokenizerFolder.Save(new Vocabulary(merges), scratch.At("tokenizers", $"{dataset}_{vocab}"));
        var random = new Random(1);
        Directory.CreateDirectory(scratch.At("bin"));
        foreach (var (file, count) in new[] { ("train.bin", tokens), ("val.bin", tokens / 100) })
        {
            var ids = Enumerable.Range(0, count).Select(_ => (ushort)random.Next(vocab)).ToArray();
            File.WriteAllBytes(scratch.At("bin", file), MemoryMarshal.AsBytes<ushort>(ids).ToArray());
        }

        Directory.CreateDirectory(scratch.At("configs", "project_datasets"));
        File.WriteAllText(scratch.At("configs", "project_datasets", $"{dataset}.yaml"), $"path: {scratch.At("bin")}\n");
        scratch.Dtt("download", "-d", dataset);
        scratch.Dtt("tokenize", "-d", dataset, "-v", $"{vocab}");
    }
}
