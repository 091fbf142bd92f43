using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Data.Datasets;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Bench;

/// <summary>
/// Tokenizer and tokens of the same text, by the library in this process and by the platform, in turns. Both start from raw text on disk.
/// </summary>
internal static class TokenizeBench
{
    private const int VocabSize = 4096;
    private const double ValFraction = 0.01;

    /// <summary>Measures and prints.</summary>
    /// <param name="megabytes">Text in all.</param>
    /// <param name="files">Files that it is spread over.</param>
    /// <param name="pairs">Interleaved pairs.</param>
    /// <param name="rows">Rows of a row group of one Parquet file; 0: plain text.</param>
    public static void Run(int megabytes, int files, int pairs, int rows = 0)
    {
        using var scratch = new Scratch();
        var text = Directory.CreateDirectory(scratch.At("text")).FullName;
        if (rows > 0) ParquetBench.Write(Path.Combine(text, "text.parquet"), megabytes, rows);
        else WriteText(scratch, text, megabytes, files);
        var config = Prepare(scratch);
        scratch.Dtt("download");
        var pieces = PiecePlan.Of(RawManifest.Find(scratch.At("data", "text", "raw"))!, config).Count;
        Console.WriteLine($"{megabytes} MB of {(rows > 0 ? "Parquet" : "text")} in {pieces:N0} pieces, {Environment.ProcessorCount} cores");
        Library(scratch, config, "warm");
        var (ratios, overheads) = (new List<double>(), new List<double>());
        for (var pair = 0; pair < pairs; pair++)
        {
            var library = Library(scratch, config, $"library-{pair}");
            foreach (var made in new[] { scratch.At("tokenizers"), scratch.At("data", "text", "tokens") }.Where(Directory.Exists))
                Directory.Delete(made, recursive: true);
            var platform = scratch.Dtt("tokenize");
            ratios.Add(library / platform);
            overheads.Add((platform - library) / pieces * 1000);
            Console.WriteLine($"library {library:N2} s, dtt tokenize {platform:N2} s: {ratios[^1]:N3}x, {overheads[^1]:N2} ms overhead per piece");
        }

        Console.WriteLine($"ratio {Scratch.Spread(ratios, "N3")}, overhead per piece {Scratch.Spread(overheads, "N2")} ms");
    }

    private static DatasetConfig Prepare(Scratch scratch)
    {
        Directory.CreateDirectory(scratch.At("configs", "project_datasets"));
        File.WriteAllText(scratch.At("configs", "project_datasets", "text.yaml"), "path: text\n");
        File.WriteAllText(scratch.At("configs", "config.yaml"), $"name: bench\ndataset: text\nvocab_size: {VocabSize}\nval_fraction: {ValFraction}\n");
        Directory.SetCurrentDirectory(scratch.Folder);
        return DatasetLoader.Load(ConfigLoader.Load(null, [], TimeProvider.System), TextStream.Open, Console.Error.WriteLine);
    }

    private static void WriteText(Scratch scratch, string folder, int megabytes, int files)
    {
        Directory.CreateDirectory(scratch.At("configs", "project_datasets"));
        File.WriteAllText(scratch.At("configs", "project_datasets", "tales.yaml"), $"builtin: tales\nbytes: {megabytes}000000\nseed: 5\n");
        scratch.Dtt("download", "-d", "tales");
        var (at, share) = (0, megabytes * 1_000_000L / files);
        StreamWriter Next() => new(Path.Combine(folder, $"part_{at++:00000}.txt"));
        var writer = Next();
        foreach (var line in RawManifest.Find(scratch.At("data", "tales", "raw"))!.Files.SelectMany(f => File.ReadLines(f.Path)))
        {
            writer.Write(line);
            writer.Write('\n');
            if (line.Length > 0 || at == files) continue;
            writer.Flush();
            if (writer.BaseStream.Length < share) continue;
            writer.Dispose();
            writer = Next();
        }

        writer.Dispose();
    }

    private static double Library(Scratch scratch, DatasetConfig config, string name)
    {
        var clock = Stopwatch.StartNew();
        var manifest = RawManifest.Find(scratch.At("data", "text", "raw"))!;
        var pieces = PiecePlan.Of(manifest, config);
        var training = new TokenizerTraining(scratch.At(name, "tokenizer"), "bench");
        training.Begin();
        Parallel.ForEach(pieces, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, piece => training.Count(piece));
        var (vocabulary, _) = training.Merge(pieces, VocabSize);
        training.End();
        _ = DatasetEncoder.Encode(pieces, scratch.At(name, "tokens"), TokenSource.Of(manifest, config, "tokenizer", vocabulary, ValFraction), vocabulary);
        var seconds = clock.Elapsed.TotalSeconds;
        Directory.Delete(scratch.At(name), recursive: true);
        return seconds;
    }
}
