using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Makes a tokenizer's folder from the pieces of a dataset, in steps that may each be repeated, by any process that sees the files: count each
/// piece, then merge the counts and train. Count tables are in <c>FOLDER.counting</c> until the tokenizer is written.
/// </summary>
/// <param name="folder">The tokenizer's folder.</param>
/// <param name="source">What decides the counts: tables of another source are deleted.</param>
/// <param name="pattern">How text is cut into words; unset: GPT-2's.</param>
/// <param name="special">Special tokens besides <c>&lt;|endoftext|&gt;</c>.</param>
public sealed class TokenizerTraining(string folder, string source, WordPattern? pattern = null, IReadOnlyList<string>? special = null)
{
    private readonly string _counting = folder + ".counting";

    /// <summary>Makes the folder of count tables, and keeps those that belong to this source.</summary>
    public void Begin() => WorkFolder.Begin(_counting, Source);

    private byte[] Source => Encoding.UTF8.GetBytes(pattern is null || pattern == WordPattern.Gpt2 ? source : $"{source}\n{pattern.Name}");

    /// <summary>Counts a piece's words into its table, unless the table is there.</summary>
    /// <returns>The table's hash and the piece's documents.</returns>
    /// <exception cref="BadDataException">The text is damaged.</exception>
    public (string Sha256, long Documents) Count(Piece piece)
    {
        WorkFolder.Require(_counting, Source);
        var table = Table(piece.Number);
        if (!File.Exists(table))
        {
            var counts = new WordCounts(pattern);
            using (var reader = new PieceReader(piece))
            {
                while (reader.Read()) counts.Add(reader.Document);
            }

            counts.Save(table);
        }

        using var stream = File.OpenRead(table);
        return (Convert.ToHexStringLower(SHA256.HashData(stream)), WordCounts.DocumentsOf(table));
    }

    /// <summary>Adds the tables up, trains, and writes the tokenizer.</summary>
    /// <returns>The vocabulary and the documents it was trained on.</returns>
    /// <exception cref="BadDataException">There is no text, or too little for so many ids.</exception>
    public (Vocabulary Vocabulary, long Documents) Merge(IReadOnlyList<Piece> pieces, int vocabSize)
    {
        WorkFolder.Require(_counting, Source);
        var counts = new WordCounts(pattern);
        foreach (var piece in pieces) counts.Add(WordCounts.Load(Table(piece.Number)));
        if (counts.Documents == 0)
        {
            var files = pieces.SelectMany(p => p.Slices).Select(s => s.File).Distinct().ToList();
            var others = files.Count > 1 ? $" and {files.Count - 1:N0} more" : "";
            throw new BadDataException($"there is no text in {files[0]}{others}: every line is empty.");
        }

        var vocabulary = BpeTrainer.Train(counts, vocabSize, special);
        TokenizerFolder.Save(vocabulary, folder);
        return (vocabulary, counts.Documents);
    }

    /// <summary>Deletes the count tables.</summary>
    public void End()
    {
        if (Directory.Exists(_counting)) Directory.Delete(_counting, recursive: true);
    }

    private string Table(int piece) => Path.Combine(_counting, $"piece_{piece:000000}.counts");
}
