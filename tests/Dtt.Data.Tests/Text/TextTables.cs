using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Text;

/// <summary>What the tests of readers of records have in common.</summary>
internal static class TextTables
{
    /// <summary>Texts that a reader may trip over, none of them empty.</summary>
    public static readonly string[] Texts =
    [
        "one", "größer, \"quoted\"\nand a second line\n", "中文 😀", " \t", "{\"text\": 1}", "a,b\tc\r\nd", new('x', 70_000),
        .. Enumerable.Range(0, 2000).Select(i => $"document {i}, {new TaleGenerator(3).Tell(i % 50)}"),
    ];

    private static readonly Vocabulary _vocabulary = Train();

    /// <summary>A dataset's configuration for a path.</summary>
    public static DatasetConfig Config(string path, string more = "") =>
        DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText($"path: {path}\n{more}", "test.yaml").Values, "test.yaml");

    /// <summary>The documents of a path, through manifest and plan; and what was left out.</summary>
    public static (List<string> Documents, SkippedDocuments Skipped, int Pieces) Read(TempFolder folder, string path, string more = "")
    {
        var config = Config(path, more);
        var pieces = PiecePlan.Of(RawDataset.Prepare(config, folder[$"raw-{Guid.NewGuid():N}"]).Manifest, config);
        var (documents, skipped) = (new List<string>(), SkippedDocuments.None);
        foreach (var piece in pieces)
        {
            using var reader = new PieceReader(piece);
            while (reader.Read())
                documents.Add(Encoding.UTF8.GetString(reader.Document));
            skipped = skipped.With(reader.Skipped);
        }

        return (documents, skipped, pieces.Count);
    }

    /// <summary>The message of the error that reading a path ends with.</summary>
    public static string Error(TempFolder folder, string path, string more = "") => Assert.Throws<BadDataException>(() => Read(folder, path, more)).Message;

    /// <summary>The hashes of the token shards of a path.</summary>
    public static IEnumerable<string> Shards(TempFolder folder, string path)
    {
        var (config, name) = (Config(path), Guid.NewGuid().ToString("N"));
        var manifest = RawDataset.Prepare(config, folder[$"raw-{name}"]).Manifest;
        var source = TokenSource.Of(manifest, config, "t", _vocabulary, 0.1);
        return DatasetEncoder.Encode(PiecePlan.Of(manifest, config), folder[$"tokens-{name}"], source, _vocabulary).Shards.Select(s => s.Sha256);
    }

    /// <summary>Writes texts as JSON lines.</summary>
    public static string JsonLines(TempFolder folder, IEnumerable<string> texts) => folder.Write(
        $"lines-{Guid.NewGuid():N}.jsonl", string.Concat(texts.Select(t => System.Text.Json.JsonSerializer.Serialize(new { text = t }) + "\n")));

    private static Vocabulary Train()
    {
        var counts = new WordCounts();
        counts.Add("the cat and the hat and the bat"u8);
        return BpeTrainer.Train(counts, 260);
    }
}
