using System.Text.Json;
using System.Text.Json.Nodes;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.HuggingFace;

/// <summary>Writes a checkpoint as a folder that Hugging Face's transformers loads.</summary>
internal static class HuggingFaceExport
{
    private static readonly JsonSerializerOptions _readable = new() { WriteIndented = true };

    /// <summary>Writes <c>config.json</c>, <c>model.safetensors</c>, <c>generation_config.json</c>, and the tokenizer's two files.</summary>
    /// <param name="source">The checkpoint and its tokenizer.</param>
    /// <param name="target">The folder to make; must not exist, or be empty.</param>
    /// <exception cref="UserErrorException">The target is in use, the model has no counterpart, or the checkpoint is damaged.</exception>
    public static void Write(CheckpointSource source, string target)
    {
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            throw new UserErrorException($"{target} is there already; name another folder with -o, or move it away.", ExitCodes.BadConfiguration);
        var (manifest, vocabulary) = CheckpointFolder.Open(source);
        TorchRuntime.Load();
        using var parameters = new FlatParameters(Core.Models.ParameterTable.Of(manifest.Model), CPU, bf16: false, forTraining: false);
        var views = HuggingFaceNames.Views(manifest.Model, parameters);
        CheckpointFolder.Load(source.Folder, manifest, manifest.Model, parameters, optimizer: null);

        // Under another name until it is whole.
        var making = $"{Path.TrimEndingDirectorySeparator(target)}.tmp-{Environment.ProcessId}";
        MakeFolder(making);
        try
        {
            void Put(string name, JsonObject json) => File.WriteAllText(Path.Combine(making, name), json.ToJsonString(_readable) + "\n");
            Put("config.json", HuggingFaceConfig.Write(manifest.Model, vocabulary.EndOfText));
            Put("generation_config.json", new JsonObject
            {
                ["bos_token_id"] = vocabulary.EndOfText,
                ["eos_token_id"] = vocabulary.EndOfText,
                ["do_sample"] = true,
            });
            Put("tokenizer_config.json", new JsonObject
            {
                ["tokenizer_class"] = "PreTrainedTokenizerFast",
                ["bos_token"] = vocabulary.EndOfTextName,
                ["eos_token"] = vocabulary.EndOfTextName,
                ["unk_token"] = vocabulary.EndOfTextName,
                ["add_prefix_space"] = false,
                ["clean_up_tokenization_spaces"] = false,
                ["model_max_length"] = manifest.Model.ContextLength,
            });
            File.WriteAllBytes(Path.Combine(making, "tokenizer.json"), TokenizerFolder.Json(vocabulary));
            using (NewDisposeScope()) _ = Safetensors.Write(Path.Combine(making, "model.safetensors"), views, metadata: ("format", "pt"));
            if (Directory.Exists(target)) Directory.Delete(target);
            Directory.Move(making, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the export could not be written to {target} ({e.Message.TrimEnd('.')}); "
                + "free some space or name another folder with -o.", inner: e);
        }
        finally
        {
            if (Directory.Exists(making)) Directory.Delete(making, recursive: true);
        }
    }

    /// <summary>Makes a folder, and those that it lies in; where that fails is the last one that is there.</summary>
    private static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var parent = Path.GetDirectoryName(folder)!;
            while (!Path.Exists(parent)) parent = Path.GetDirectoryName(parent)!;
            // The folder above is there, so that "not found" is what a file system says that takes no folders.
            var reason = e is DirectoryNotFoundException or FileNotFoundException ? "its file system takes none" : e.Message.TrimEnd('.');
            throw new UserErrorException($"no folder can be made in {parent} ({reason}); name another one with -o.", inner: e);
        }
    }
}
