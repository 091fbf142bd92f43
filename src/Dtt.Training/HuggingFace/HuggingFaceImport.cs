using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Standalone;

namespace Dtt.Training.HuggingFace;

/// <summary>Makes a run of a Hugging Face folder: complete, with one checkpoint, of step 0. It can be sampled, exported, and started from.</summary>
internal static class HuggingFaceImport
{
    /// <summary>Imports a folder.</summary>
    /// <param name="spec">The folder has <c>config.json</c>, <c>tokenizer.json</c>, and <c>model.safetensors</c> or its parts.</param>
    /// <exception cref="UserErrorException">
    /// The folder is of another kind, damaged, or its tokenizer is not one that DTT knows; or the run cannot be written, and then nothing of it stays.
    /// </exception>
    public static ImportResult Read(ImportSpec spec)
    {
        var folder = spec.Folder;
        try
        {
            _ = Directory.EnumerateFileSystemEntries(folder).Any();   // else files in a folder that is closed to this user look missing
            var reader = new ConfigReader(RunKeys.All).SetFromCommandLine("name", spec.Name, "--name");
            foreach (var (key, value, origin) in HuggingFaceConfig.Read(Path.Combine(folder, "config.json"))) reader.SetFromCommandLine(key, value, origin);
            ConfigLoader.CheckTogether(reader.Values, reader.Errors);
            reader.ThrowIfWrong();
            var described = ModelConfig.From(reader.Values);
            var vocabulary = ForeignTokenizer.Load(folder, described.VocabSize);
            string? note = null;
            if (described.VocabSize - vocabulary.Size is > 0 and var padding)
            {
                note = $"{padding:N0} rows of its vocabulary of {described.VocabSize:N0} belong to no token of its tokenizer and are left out";
                reader.SetFromCommandLine("vocab_size", vocabulary.Size.ToString(CultureInfo.InvariantCulture), $"{folder}/tokenizer.json");
            }

            TorchRuntime.Load();
            using var weights = ForeignWeights.Load(folder, described, described with { VocabSize = vocabulary.Size });
            return Write(spec, reader.Values, vocabulary, weights, note);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadDataException($"{folder} cannot be read: {e.Message.TrimEnd('.')}. Check its permissions and its disk.", e);
        }
    }

    /// <summary>Makes the run; when that fails, nothing of it stays.</summary>
    private static ImportResult Write(ImportSpec spec, ConfigValues values, Vocabulary vocabulary, FlatParameters weights, string? note)
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
            var from = $"from {spec.Folder}" + (note is null ? "" : $"; {note}");
            var sha256 = "";
            var layout = StandaloneRun.CreateWhole(
                spec.RunsFolder, request, TimeProvider.System, run => sha256 = Fill(run, request.Config, vocabulary, weights, from).WeightsSha256);
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
    private static WrittenCheckpoint Fill(StandaloneRun run, RunConfig config, Vocabulary vocabulary, FlatParameters weights, string from)
    {
        var attempt = run.BeginAttempt().Attempt;
        run.Report(new RankStarted
        {
            FromStep = 0,
            InitialWeights = "the weights " + from,
            Plan = new RunPlan(0, 0, 0),
            Fingerprint = "imported",
            Parameters = weights.Table.Sum(p => p.Count),
            Device = "cpu, fp32",
        });
        run.Report(new RankEvent(EventKinds.Imported, from));
        var origin = new CheckpointOrigin(run.State.Record!.Run, attempt, config.Seed, config.Model, vocabulary.Sha256, "imported", WindowsPerStep: 0);
        var target = run.Layout.Checkpoint(WrittenCheckpoint.FolderNameOf(0, attempt));
        var written = CheckpointFolder.Write(target, origin.ManifestAt(0), [.. weights.Named(weights.Master)], state: null);
        var reply = run.Commit(written);
        if (reply.Transient) throw new IOException(reply.Reason);
        if (!reply.Accepted) throw new UserErrorException($"the imported weights could not be committed: {reply.Reason}.");
        run.End(new RankFinished(0, Completed: true));
        return written;
    }
}
