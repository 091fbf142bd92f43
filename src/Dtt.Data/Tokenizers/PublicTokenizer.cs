using System.IO.Compression;
using System.Reflection;

namespace Dtt.Data.Tokenizers;

/// <summary>The tokenizers that come with DTT: OpenAI's public ranks, from the packages of Microsoft.ML.Tokenizers.</summary>
public static class PublicTokenizer
{
    private static readonly (string Name, string Package, string Resource, WordPattern Pattern, AddedToken[] Added)[] _all =
    [
        ("gpt2", "Gpt2", "gpt2", WordPattern.Gpt2, [new(50256, Vocabulary.EndOfTextToken)]),
        ("cl100k", "Cl100kBase", "cl100k_base", WordPattern.Cl100k,
        [
            new(100257, Vocabulary.EndOfTextToken), new(100258, "<|fim_prefix|>"), new(100259, "<|fim_middle|>"), new(100260, "<|fim_suffix|>"),
            new(100276, "<|endofprompt|>"),
        ]),
        ("o200k", "O200kBase", "o200k_base", WordPattern.O200k, [new(199999, Vocabulary.EndOfTextToken), new(200018, "<|endofprompt|>")]),
    ];

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => _all.Select(t => t.Name);

    /// <summary>Reads one.</summary>
    public static Vocabulary Load(string name)
    {
        var (_, package, resource, pattern, added) = _all.First(t => t.Name == name);
        var assembly = Assembly.Load($"Microsoft.ML.Tokenizers.Data.{package}");
        using var ranks = new StreamReader(new DeflateStream(assembly.GetManifestResourceStream($"{resource}.tiktoken.deflate")!, CompressionMode.Decompress));
        return new Vocabulary(TiktokenFile.Read(Lines(ranks), name, pattern, added));
    }

    /// <summary>The tokens by rank, a line each, after a line that says how many there are; here with their ranks.</summary>
    private static IEnumerable<string> Lines(StreamReader reader)
    {
        _ = reader.ReadLine();
        for (var rank = 0; reader.ReadLine() is { } token; rank++) yield return $"{token} {rank}";
    }
}
