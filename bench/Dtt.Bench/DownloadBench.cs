using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Dtt.Data.Tales;
using Dtt.Tests;

namespace Dtt.Bench;

/// <summary>
/// `dtt download` from a Hub on loopback, whose files are in memory, against copying the same files on the same disk and syncing them, in turns. The download
/// hashes what it writes, and the Hub shares its cores.
/// </summary>
internal static class DownloadBench
{
    private const int Files = 4, BufferBytes = 1 << 18;

    /// <summary>Measures and prints.</summary>
    /// <param name="megabytes">Of all files.</param>
    /// <param name="pairs">Interleaved pairs.</param>
    public static void Run(int megabytes, int pairs)
    {
        using var scratch = new Scratch();
        using var hub = new HubServer();
        var generator = new TaleGenerator(5);
        var lines = Enumerable.Range(0, 1000).Select(i => JsonSerializer.Serialize(new { text = generator.Tell(i) }));
        var rows = Encoding.UTF8.GetBytes(string.Join("\n", lines) + "\n");
        var file = new byte[megabytes * 1_000_000L / Files / rows.Length * rows.Length];
        for (var at = 0; at < file.Length; at += rows.Length) rows.CopyTo(file, at);
        hub.Commit("bench/text", "main", [.. Enumerable.Range(0, Files).Select(i => ($"data/train-{i:00000}.jsonl", file, true))]);
        Environment.SetEnvironmentVariable("HF_ENDPOINT", hub.Endpoint);
        Environment.SetEnvironmentVariable("HF_HOME", scratch.At("hf"));
        Directory.CreateDirectory(scratch.At("source"));
        for (var i = 0; i < Files; i++) File.WriteAllBytes(scratch.At("source", $"{i}"), file);
        scratch.Dtt("datasets"); // the silo is up
        Console.WriteLine($"{Files} files of {file.Length / 1e6:N0} MB, {Environment.ProcessorCount} cores");
        var (ratios, all) = (new List<double>(), (long)Files * file.Length / 1e6);
        for (var pair = 0; pair < pairs; pair++)
        {
            var copy = Copy(scratch);
            var download = scratch.Dtt("download", "hf:bench/text");
            Directory.Delete(scratch.At("data"), recursive: true);
            ratios.Add(copy / download);
            Console.WriteLine($"copy {all / copy:N0} MB/s, dtt download {all / download:N0} MB/s: {ratios[^1]:N3}x");
        }

        Console.WriteLine($"ratio {Scratch.Spread(ratios, "N3")}");
    }

    private static double Copy(Scratch scratch)
    {
        Directory.CreateDirectory(scratch.At("copy"));
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < Files; i++)
        {
            using var source = File.OpenRead(scratch.At("source", $"{i}"));
            using var copy = new FileStream(scratch.At("copy", $"{i}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            source.CopyTo(copy, BufferBytes);
            copy.Flush(flushToDisk: true);
        }

        var seconds = clock.Elapsed.TotalSeconds;
        Directory.Delete(scratch.At("copy"), recursive: true);
        return seconds;
    }
}
