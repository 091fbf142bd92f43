using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Training.Imports;
using Dtt.Training.Native;

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
        var folder = spec.Path;
        if (spec.Tokenizer is not null)
            throw new UserErrorException($"--tokenizer: {folder} is a Hugging Face folder, which has its tokenizer in it.", ExitCodes.BadConfiguration);
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
            return ImportedRun.Write(spec, reader.Values, vocabulary, weights, step: 0, note);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadDataException($"{folder} cannot be read: {e.Message.TrimEnd('.')}. Check its permissions and its disk.", e);
        }
    }
}
