using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Standalone;

namespace Dtt.Training.Imports;

/// <summary>An imported model as a run: complete, with one checkpoint. It can be sampled, exported, and started from.</summary>
internal static class ImportedRun
{
    /// <summary>Makes the run; when that fails, nothing of it stays.</summary>
    /// <param name="spec">What is imported, and where to.</param>
    /// <param name="values">The run's configuration.</param>
    /// <param name="vocabulary">The tokenizer.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="step">The steps that they were trained for; 0 where nothing tells.</param>
    /// <param name="note">What differs from what is imported, or null.</param>
    /// <exception cref="UserErrorException">The run cannot be written.</exception>
    public static ImportResult Write(ImportSpec spec, ConfigValues values, Vocabulary vocabulary, FlatParameters weights, long step, string? note)
    {
        using var alone = Wait(spec.TokenizersFolder);
        var tokenizer = Path.Combine(spec.TokenizersFolder, $"{spec.Name}-{vocabulary.Sha256[..8]}");
        var hasTokenizer = TokenizerFolder.Exists(tokenizer);
        try
        {
            if (!hasTokenizer) TokenizerFolder.Save(vocabulary, tokenizer);
            var request = new RunRequest
            {
                ConfigYaml = values.ToYaml(),
                TokensFolder = "",
                TokenizerFolder = tokenizer,
                Environment = new Dictionary<string, string>(),
            };
            var from = $"from {spec.Path}" + (note is null ? "" : $"; {note}");
            var sha256 = "";
            var layout = StandaloneRun.CreateWhole(
                spec.RunsFolder, request, TimeProvider.System, run => sha256 = Fill(run, request.Config, vocabulary, weights, step, from).WeightsSha256);
            return new ImportResult(layout.Folder, sha256, note);
        }
        catch (Exception e)
        {
            if (!hasTokenizer && Directory.Exists(tokenizer)) Directory.Delete(tokenizer, recursive: true);
            if (e is not (IOException or UnauthorizedAccessException)) throw;
            throw new UserErrorException($"the run could not be written to {spec.RunsFolder} ({e.Message.TrimEnd('.')}), and nothing of it stays; "
                + "free some space, or name another place with 'runs' in configs/path_templates.yaml.", inner: e);
        }
    }

    /// <summary>
    /// One import writes at a time: the tokenizer that is deleted when its import fails must not be one that another import of the model found there.
    /// </summary>
    private static FileLock Wait(string tokenizersFolder)
    {
        try
        {
            Directory.CreateDirectory(tokenizersFolder);
            FileLock? alone = null;
            SpinWait.SpinUntil(() => (alone = FileLock.TryAcquire(Path.Combine(tokenizersFolder, ".import.lock"))) is not null);
            return alone!;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the tokenizer could not be written to {tokenizersFolder} ({e.Message.TrimEnd('.')}); "
                + "free some space, or name another place with 'tokenizer' in configs/path_templates.yaml.", inner: e);
        }
    }

    /// <summary>Takes the run through the one attempt of its life, which writes the checkpoint.</summary>
    private static WrittenCheckpoint Fill(StandaloneRun run, RunConfig config, Vocabulary vocabulary, FlatParameters weights, long step, string from)
    {
        var attempt = run.BeginAttempt()!.Attempt;
        run.Report(new RankStarted
        {
            FromStep = step,
            InitialWeights = "the weights " + from,
            Plan = new RunPlan(0, 0, 0),
            Fingerprint = "imported",
            Parameters = weights.Table.Sum(p => p.Count),
            Device = "cpu, fp32",
        });
        run.Report(new RankEvent(EventKinds.Imported, from));
        var origin = new CheckpointOrigin(run.State.Record!.Run, attempt, config.Seed, config.Model, vocabulary.Sha256, "imported", WindowsPerStep: 0);
        var target = run.Layout.Checkpoint(WrittenCheckpoint.FolderNameOf(step, attempt));
        var written = CheckpointFolder.Write(target, origin.ManifestAt(step), [.. weights.Named(weights.Master)], state: null);
        var reply = run.Commit(written);
        if (reply.Transient) throw new IOException(reply.Reason);
        if (!reply.Accepted) throw new UserErrorException($"the imported weights could not be committed: {reply.Reason}.");
        run.End(new RankFinished(step, Completed: true));
        return written;
    }
}
