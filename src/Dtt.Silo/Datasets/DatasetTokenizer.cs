using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Data.Tokenizers;

namespace Dtt.Silo.Datasets;

/// <summary>The tokenizer of one dataset job: one that is there, one that a file has, or one that is yet to be trained.</summary>
internal sealed class DatasetTokenizer(DatasetJob job)
{
    private readonly Lazy<Vocabulary> _vocabulary = new(() => TokenizerFolder.Load(job.TokenizerFolder));

    /// <summary>It, once it is there.</summary>
    public Vocabulary Vocabulary => _vocabulary.Value;

    /// <summary>Its name.</summary>
    public string Name => Path.GetFileName(job.TokenizerFolder);

    /// <summary>Whether it is there.</summary>
    public bool Exists => TokenizerFolder.Exists(job.TokenizerFolder);

    /// <summary>The special tokens that it is to have.</summary>
    public string[] SpecialTokens => job.SpecialTokens?.Split('\n') ?? [];

    /// <summary>Writes the folder of a tokenizer that need not be trained, unless it is there.</summary>
    public bool Write()
    {
        if (job.Tokenizer is null) return false;
        var vocabulary = TokenizerFolder.Open(job.Tokenizer);
        if (!Exists)
        {
            TokenizerFolder.Save(vocabulary, job.TokenizerFolder);
            return true;
        }

        if (vocabulary.Sha256 == Vocabulary.Sha256) return false;
        throw new BadDataException($"the tokenizer in {job.TokenizerFolder} is another one than {job.Tokenizer}. Move that folder away, or name another path "
            + "as the template 'tokenizer'.");
    }

    /// <summary>What the configuration says of a trained tokenizer must be true of one that is there.</summary>
    public void RequireSame()
    {
        var there = Vocabulary;
        if (job.PreTokenizer is { } pattern && there.Pattern.Name != pattern)
        {
            throw new BadDataException($"the tokenizer in {job.TokenizerFolder} cuts words as {there.Pattern.Name} does, and pre_tokenizer asks for {pattern}. "
                + $"Set pre_tokenizer: {there.Pattern.Name}, or move that folder away.");
        }

        if (SpecialTokens.FirstOrDefault(t => there.Added.All(a => a.Content != t)) is { } missing)
        {
            throw new BadDataException($"the tokenizer in {job.TokenizerFolder} has no special token {missing}, which special_tokens asks for. "
                + "Leave it out, or move that folder away.");
        }

        if (there.Size == job.VocabSize) return;
        throw new BadDataException($"the tokenizer in {job.TokenizerFolder} has {Vocabulary.Size:N0} ids, and vocab_size asks for {job.VocabSize:N0}. "
            + $"Set vocab_size: {Vocabulary.Size}, or move that folder away.");
    }
}
