using System.Security.Cryptography;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Cluster;

/// <summary>A text of many pieces, and the hashes of what one silo, undisturbed, makes of it.</summary>
public sealed class WholeText : IDisposable
{
    public const int Pieces = 30;
    private readonly TempFolder _folder = new();
    private readonly Lazy<IReadOnlyList<string>> _hashes;

    public WholeText()
    {
        // A file is a piece: it has more text than a shard of 1,500 tokens.
        for (var i = 0; i < Pieces; i++)
        {
            var lines = Enumerable.Range(0, 200).Select(n => $"the {n % 17} foxes of part {i} met {(n * 31 + i) % 101} hens and sang of rain {n}");
            _folder.Write($"text/part{i:00}.txt", string.Join("\n", lines));
        }

        _hashes = new(Tokenize);
    }

    public string Config => $"path: {_folder["text"]}\ndocuments: lines\nshard_size: 1500\n";

    public IReadOnlyList<string> Hashes => _hashes.Value;

    /// <summary>Names and hashes of token shards and of their tokenizer.</summary>
    public static IReadOnlyList<string> HashesOf(string folder) =>
    [
        .. Directory.EnumerateFiles(Path.Combine(folder, "data/text/tokens/text_400"), "*.bin")
            .Append(Path.Combine(folder, "tokenizers/text_400/tokenizer.json"))
            .Order(StringComparer.Ordinal)
            .Select(f => $"{Path.GetFileName(f)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))}"),
    ];

    public void Dispose() => _folder.Dispose();

    private IReadOnlyList<string> Tokenize()
    {
        using var silo = new SiloProcess();
        silo.Write("configs/project_datasets/text.yaml", Config);
        foreach (var command in new string[][] { ["download", "-d", "text"], ["tokenize", "-d", "text", "-v", "400"] })
        {
            var (code, _, error) = silo.Dtt(command);
            Assert.True(code == 0, error);
        }

        return HashesOf(silo.Folder);
    }
}
